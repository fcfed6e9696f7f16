"""SIGINT and SIGTERM become `Interrupted`: at once where nothing is at stake, after the step where training is."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from lstmkit.core.errors import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Deferred:
    """What a section that must not be cut in two asks: has a signal come, and which?"""

    def __init__(self) -> None:
        self.received: int | None = None


_section: Deferred | None = None


def _handle(number: int, _frame: FrameType | None) -> None:
    if _section is not None and _section.received is None:
        _section.received = number
        return
    raise Interrupted(number)  # outside a section; or a second signal: the user means it


@contextmanager
def catching_signals() -> Iterator[None]:
    """Turn SIGINT and SIGTERM into `Interrupted` while the block runs; what was set before comes back after."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield
        return
    before = {number: signal.signal(number, _handle) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def deferring_signals() -> Iterator[Deferred]:
    """Hold a first signal back while the block runs; the block asks `received` and stops itself in good order."""
    global _section
    outer, _section = _section, Deferred()
    mine = _section
    try:
        yield mine
    finally:
        _section = outer
    if mine.received is not None:  # it came in the block's last moments, after the block had last asked
        raise Interrupted(mine.received)
