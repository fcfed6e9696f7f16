"""The compiled library as the tests of this folder use it: its kernels by name, each in turn."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lstmkit.nn.library import native_library

FOUND = native_library()
ISAS = FOUND.library.lstmkit_isas().decode().split() if FOUND.library else ["none"]
needs_library = pytest.mark.skipif(FOUND.library is None, reason=FOUND.reason)


@contextmanager
def kernels(isa: str) -> Iterator[None]:
    """Use the kernels of that name; those in use before come back."""
    assert FOUND.library is not None
    before = FOUND.library.lstmkit_isa()
    assert FOUND.library.lstmkit_use_isa(isa.encode()) == 1, isa
    try:
        yield
    finally:
        assert FOUND.library.lstmkit_use_isa(before) == 1
