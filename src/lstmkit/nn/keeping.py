"""Weights that do not change for a while, and what is made of them and kept that long.

A parameter can change without a trace: through `parameter.data`, a NumPy view, a fused optimizer. So nothing made of
weights outlives a call by itself; it does where a caller says that they stay as they are.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from torch import Tensor


@dataclass
class Table:
    """What the gates receive of every token of a vocabulary.

    Attributes:
        made_of: the embedding and the weights; kept alive, so that no others take their place in memory.
        n_made: rows that were made for single batches so far.
        rows: `(tokens, directions * 4 * hidden)`; None as long as it has not paid to make all.
    """

    made_of: list[Tensor]
    n_made: int = 0
    rows: Tensor | None = None


class Kept:
    """What was made of one network's weights."""

    def __init__(self) -> None:
        self._table: Table | None = None

    def table(self, tensors: Sequence[Tensor]) -> Table:
        """The table of these tensors: the one that is kept, or a new one in its place."""
        found = self._table
        same = found is not None and len(found.made_of) == len(tensors)
        if found is None or not same or any(a is not b for a, b in zip(found.made_of, tensors, strict=True)):
            found = self._table = Table(list(tensors))
        return found


_now: ContextVar[Kept | None] = ContextVar("kept", default=None)


def kept_now() -> Kept | None:
    """Where to keep what is made of weights; None where they may change at any time."""
    return _now.get()


@contextmanager
def frozen_weights(kept: Kept | None = None) -> Iterator[None]:
    """Say that no weight changes within the block, so that what is made of weights may be kept there.

    Args:
        kept: for several blocks with the same weights; None: what an outer block keeps, or what this one makes.
    """
    token = _now.set(kept or _now.get() or Kept())
    try:
        yield
    finally:
        _now.reset(token)
