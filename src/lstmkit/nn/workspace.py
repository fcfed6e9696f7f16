"""Large tensors whose memory is used again from step to step.

The memory of a fresh large tensor comes from the system page by page, each cleared at its first touch, and goes back
at once when the tensor dies: in a training step that costs as much as a fifth of the arithmetic (docs/engine.md).
Memory that nothing uses any more waits here for the next tensor instead. Where the system grants large pages on
request, it is asked for them: walking through tensors of tens of megabytes, the processor then finds its way quicker.
"""

import math
import mmap
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
import torch
from torch import Tensor

_LARGE = 1 << 18  # bytes; below, the allocator keeps memory by itself
_PAGE = 1 << 21  # bytes of a large page of x86-64 and ARM with small pages of 4 KiB
_HUGE = 2 * _PAGE  # bytes; below, what is lost by rounding up is too great a part
_MOST = 12  # blocks that wait for their next use
_waiting: SimpleQueue[Tensor] = SimpleQueue()  # of all containers the one that a destructor may put into


class _Block:
    """Owns a buffer for as long as a tensor made from it lives, however many views that has."""

    def __init__(self, buffer: Tensor) -> None:
        self._buffer = buffer
        self.__array_interface__: dict[str, Any] = {
            "version": 3,
            "typestr": "|u1",
            "shape": (buffer.numel(),),
            "data": (buffer.data_ptr(), False),
        }

    def __del__(self) -> None:
        _waiting.put(self._buffer)


def empty(*shape: int, dtype: torch.dtype) -> Tensor:
    """A tensor on the CPU, not initialised; its memory is used again when the last tensor that shares it is gone."""
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes < _LARGE:
        return torch.empty(shape, dtype=dtype)
    waiting = _drain()
    fitting = [buffer for buffer in waiting if n_bytes <= buffer.numel() <= 4 * n_bytes]
    best = min(fitting, key=Tensor.numel, default=None)
    for buffer in [buffer for buffer in waiting if buffer is not best][-_MOST:]:
        _waiting.put(buffer)
    if best is None:
        best = _fresh(_rounded(n_bytes))
    return torch.from_numpy(np.asarray(_Block(best)))[:n_bytes].view(dtype).view(shape)


def release() -> int:
    """Give the memory that waits back to the system; returns its bytes."""
    return sum(buffer.numel() for buffer in _drain())


def _fresh(n_bytes: int) -> Tensor:
    """Memory from the system, in large pages where it has them."""
    if n_bytes < _HUGE or not hasattr(mmap, "MADV_HUGEPAGE"):
        return torch.empty(n_bytes, dtype=torch.uint8)
    # Private, so that a forked child has its own.
    area = mmap.mmap(-1, n_bytes + _PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # a kernel without them
        area.madvise(mmap.MADV_HUGEPAGE)
    buffer = torch.frombuffer(area, dtype=torch.uint8)
    begin = -buffer.data_ptr() % _PAGE
    return buffer[begin : begin + n_bytes]


def _rounded(n_bytes: int) -> int:
    """Up to the next eighth of a power of two, so that batches of like size share their memory."""
    step = 1 << max(n_bytes.bit_length() - 4, 6)
    return -(-n_bytes // step) * step


def _drain() -> list[Tensor]:
    found: list[Tensor] = []
    try:
        while True:
            found.append(_waiting.get_nowait())
    except Empty:
        return found
