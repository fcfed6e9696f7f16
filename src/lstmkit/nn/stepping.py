"""One step at a time for a few sequences: little is computed, so little may stand around it. No gradients."""

from ctypes import byref
from threading import Lock

import torch
from torch import Tensor

from lstmkit.nn import native
from lstmkit.nn.layers import Weights
from lstmkit.nn.library import StepJob

MOST = 128  # sequences at once; more are worth the threads of the way for many steps


class Stepper:
    """A stack of layers with its weights packed.

    Args:
        weights: by layer and direction; they are copied, so that a stepper is good for as long as they do not change.
    """

    def __init__(self, weights: list[list[Weights]]) -> None:
        first = weights[0][0]
        self._is_double = int(first[0].dtype == torch.float64)
        self._hidden = first[1].shape[1]
        self._n_directions = len(weights[0])
        self._dtype = first[0].dtype
        self._item_size = self._dtype.itemsize
        self._jobs: list[StepJob] = []
        self._alive: list[Tensor] = []
        widest = 0
        for weight_ih, weight_hh, bias_ih, bias_hh in (group for layer in weights for group in layer):
            packed = native.packed(torch.cat([weight_ih.detach(), weight_hh.detach()], 1), transposed=True)
            bias = bias_ih.detach() + bias_hh.detach()
            features = weight_ih.shape[1]
            widest = max(widest, features)
            job = StepJob(features=features, hidden=self._hidden, packed=packed.data_ptr(), bias=bias.data_ptr())
            job.output_stride = self._n_directions * self._hidden
            self._jobs.append(job)
            self._alive += [packed, bias]
        self._widest = widest
        self._make_room(1)
        self._step = native.library().lstmkit_step
        self._turn = Lock()  # jobs and work space serve one thread of the program at a time

    def __call__(
        self, inputs: Tensor, h: Tensor | None, c: Tensor | None, shape: tuple[int, ...]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One step.

        Args:
            inputs: `(..., features)`, contiguous, a row for each of at most `MOST` sequences.
            h: `(layers * directions, batch, hidden)`, contiguous; None: zeros.
            c: the same.
            shape: of the output, `(..., directions * hidden)`.

        Returns:
            The output, h and c.
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
        size = self._item_size
        apart = n * hidden * size
        h_to, c_to = h_next.data_ptr(), c_next.data_ptr()
        below = output = inputs
        with self._turn:
            if n > self._room:
                self._make_room(n)
            for k, job in enumerate(self._jobs):
                direction = k % n_directions
                if direction == 0:
                    below, output = output, torch.empty(shape, dtype=self._dtype)
                job.n = n
                job.inputs = below.data_ptr()
                job.output = output.data_ptr() + direction * hidden * size
                job.h_next, job.c_next = h_to + k * apart, c_to + k * apart
                job.h, job.c = (h_from + k * apart, c_from + k * apart) if h_from else (None, None)
                self._step(self._is_double, byref(job))
        return output, h_next, c_next

    def _make_room(self, n: int) -> None:
        self._room = n
        self._work = torch.empty(n * (self._widest + 5 * self._hidden), dtype=self._dtype)
        for job in self._jobs:
            job.work = self._work.data_ptr()
