"""One step at a time for a few sequences: little is computed, so little may stand around it. No gradients."""

from collections.abc import Sequence
from ctypes import byref
from threading import Lock

import torch
from torch import Tensor, nn

from lstmkit.nn import native
from lstmkit.nn.library import StepJob

MOST = 128  # sequences at once; more are worth the threads of the way for many steps
_PLAIN = (nn.Parameter, Tensor)


class Stepper:
    """A stack of layers, one step at a time. It keeps nothing of the weights, which come with every call.

    Args:
        shapes: of the weights, by layer and direction `weight_ih, weight_hh, bias_ih, bias_hh`, the biases only where
            there are any.
        has_biases: whether there are.
        n_directions: directions of a layer.
        dtype: of weights, inputs and states.
    """

    def __init__(
        self, shapes: Sequence[tuple[int, ...]], has_biases: bool, n_directions: int, dtype: torch.dtype
    ) -> None:
        size = 4 if has_biases else 2
        self._shapes = [torch.Size(shape) for shape in shapes]
        self._n_directions = n_directions
        self._has_biases = has_biases
        self._dtype = dtype
        self._hidden = shapes[1][1]
        self._is_double = int(dtype == torch.float64)
        self._item_size = dtype.itemsize
        widths = [shape[1] for shape in shapes[::size]]
        self._jobs = [StepJob(features=width, hidden=self._hidden) for width in widths]
        for job in self._jobs:
            job.output_stride = n_directions * self._hidden
        self._strides = [(shape[1], 1) if len(shape) == 2 else (1,) for shape in self._shapes]
        self._room = 0
        self._step = native.library().lstmkit_step
        self._turn = Lock()  # jobs and work space serve one thread of the program at a time

    def pointers(self, weights: Sequence[Tensor | None]) -> list[int] | None:
        """Where the weights lie in memory; None where one is not what the library takes it for.

        This is the only look at them before the library reads them, at every step.
        """
        dtype, found = self._dtype, []
        if len(weights) != len(self._shapes):
            return None
        for weight, shape, stride in zip(weights, self._shapes, self._strides, strict=True):
            if (
                weight is None
                or type(weight) not in _PLAIN
                or weight.shape != shape
                or weight.stride() != stride
                or weight.dtype is not dtype
                or not weight.is_cpu
            ):
                return None
            found.append(weight.data_ptr())
        if 0 in found:  # without memory, as sharded modules leave them between calls
            return None
        return found

    def __call__(
        self, pointers: list[int], inputs: Tensor, h: Tensor | None, c: Tensor | None, shape: tuple[int, ...]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One step.

        Args:
            pointers: see `pointers`.
            inputs: `(..., features)`, contiguous, a row for each of at most `MOST` sequences.
            h: `(layers * directions, batch, hidden)`, contiguous; None: zeros.
            c: the same.
            shape: of the output, `(..., directions * hidden)`.

        Returns:
            The output, h and c.

        Raises:
            RuntimeError: inputs or a state have no memory.
        """
        hidden, n_directions = self._hidden, self._n_directions
        if h is None or c is None:
            n = inputs.numel() // inputs.shape[-1]
            h_next, c_next = (torch.empty((len(self._jobs), n, hidden), dtype=self._dtype) for _ in range(2))
            h_from = c_from = 0
        else:
            n = h.shape[1]
            h_next, c_next = torch.empty_like(h), torch.empty_like(c)  # quicker than giving the shape again
            h_from, c_from = h.data_ptr(), c.data_ptr()
            if not (h_from and c_from):
                raise RuntimeError("a state is without its memory; its storage was resized")
        size = self._item_size
        apart = n * hidden * size
        h_to, c_to = h_next.data_ptr(), c_next.data_ptr()
        below = output = inputs
        if not inputs.data_ptr():
            raise RuntimeError("the input is without its memory; its storage was resized")
        each = 4 if self._has_biases else 2
        with self._turn:
            if n > self._room:
                self._make_room(n)
            for k, job in enumerate(self._jobs):
                direction = k % n_directions
                if direction == 0:
                    below, output = output, torch.empty(shape, dtype=self._dtype)
                job.n = n
                if each == 4:
                    job.weight_ih, job.weight_hh, job.bias_ih, job.bias_hh = pointers[4 * k : 4 * k + 4]
                else:
                    job.weight_ih, job.weight_hh = pointers[2 * k : 2 * k + 2]
                job.inputs = below.data_ptr()
                job.output = output.data_ptr() + direction * hidden * size
                job.h_next, job.c_next = h_to + k * apart, c_to + k * apart
                job.h, job.c = (h_from + k * apart, c_from + k * apart) if h_from else (None, None)
                self._step(self._is_double, byref(job))
        return output, h_next, c_next

    def _make_room(self, n: int) -> None:
        self._room, self._work = n, torch.empty(4 * (n + 1) * self._hidden, dtype=self._dtype)
        for job in self._jobs:
            job.work = self._work.data_ptr()
