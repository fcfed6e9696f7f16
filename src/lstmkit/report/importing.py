"""Import matplotlib also where nothing can be written, as in a container with a read-only file system.

matplotlib refuses to be imported where it finds no folder for its list of fonts, though it makes the list itself where
none is saved. Only then is its search for a folder answered here, with one that is not there.
"""

import atexit
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lstmkit.core.places import has_temporary_folder

_NOWHERE = os.path.join(os.devnull, "matplotlib")  # noqa: PTH118  (no system has such a folder, nor can make it)


def import_matplotlib() -> None:
    """Import matplotlib, so that later imports find it."""
    if "matplotlib" not in sys.modules and not has_temporary_folder():
        with _no_folder():
            import matplotlib.font_manager  # noqa: F401


@contextmanager
def _no_folder() -> Iterator[None]:
    """While the block runs, temporary folders are one that is not there, and nothing is planned to remove it."""
    log = logging.getLogger("matplotlib")
    make, register, level = tempfile.mkdtemp, atexit.register, log.level
    before = os.environ.get("MPLCONFIGDIR")

    def registering(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        return function if arguments == (_NOWHERE,) else register(function, *arguments, **options)

    tempfile.mkdtemp = lambda *_, **__: _NOWHERE
    atexit.register = registering
    log.setLevel(logging.ERROR)  # its warnings here say that it found no folder
    try:
        yield
    finally:
        tempfile.mkdtemp, atexit.register = make, register
        log.setLevel(level)
        if before is None:
            os.environ.pop("MPLCONFIGDIR", None)
        else:
            os.environ["MPLCONFIGDIR"] = before
