"""The largest value and the mean of each sequence's states, in one pass over the rows."""

from ctypes import byref
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from lstmkit.nn.engines import stand_in
from lstmkit.nn.library import Pooling, native_library
from lstmkit.nn.native import expect, library, one_dtype
from lstmkit.nn.workspace import empty
from lstmkit.ragged import Layout


def max_and_mean(
    states: Float[Tensor, "rows states"], layout: Layout
) -> tuple[Float[Tensor, "batch states"], Float[Tensor, "batch states"]]:
    """Over the steps of each sequence, longest sequence first. Of equal largest values the first has the gradient.

    Raises:
        RuntimeError: the layout is of another number of rows, or the states are no matrix.
    """
    if states.dim() != 2:
        raise RuntimeError(f"states have shape {tuple(states.shape)}; give a matrix (rows, states)")
    if len(states) != layout.n_rows:
        raise RuntimeError(
            f"{len(states)} rows of states came for a layout of {layout.n_rows}; give those of one batch"
        )
    if native_library().library is None or stand_in(states) is not None:
        padded = layout.to_padded(states, fill=float("-inf"))
        lengths = layout.lengths.to(states.device, states.dtype)
        return padded.max(0).values, layout.to_padded(states).sum(0) / lengths[:, None]
    return _MaxAndMean.apply(layout, states)  # type: ignore[return-value]


class _MaxAndMean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, layout: Layout, states: Tensor) -> tuple[Tensor, Tensor]:
        states = states if states.stride(1) == 1 else states.contiguous()
        shape = (layout.n_sequences, states.shape[1])
        largest, mean = states.new_empty(shape), states.new_empty(shape)
        at = torch.empty(shape, dtype=torch.int32)
        job = _job(layout, states, largest, at, mean)
        library().lstmkit_pool(int(states.dtype == torch.float64), torch.get_num_threads(), byref(job))
        ctx.save_for_backward(at)
        ctx.layout = layout
        return largest, mean

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, Tensor]:
        (at,) = ctx.saved_tensors
        layout: Layout = ctx.layout
        largest, mean = grads
        if torch.is_grad_enabled():  # the gradient must itself have a gradient
            spread = (mean / layout.lengths.to(mean.dtype)[:, None])[layout.sequence_of_row]
            return None, spread.scatter_add(0, at.long(), largest)
        states = empty(layout.n_rows, at.shape[1], dtype=largest.dtype)
        job = _job(layout, states, largest.contiguous(), at, mean.contiguous().clone())
        library().lstmkit_unpool(int(states.dtype == torch.float64), torch.get_num_threads(), byref(job))
        return None, states


def _job(layout: Layout, states: Tensor, largest: Tensor, at: Tensor, mean: Tensor) -> Pooling:
    one_dtype(states)
    width, dtype = states.shape[-1], states.dtype
    expect("states", states, (layout.n_rows, width), dtype, rows=True)
    expect("the layout's offsets", layout.offsets, (layout.n_steps + 1,), torch.int64)
    expect("the largest", largest, (layout.n_sequences, width), dtype)
    expect("the mean", mean, (layout.n_sequences, width), dtype)
    expect("rows of the largest", at, (layout.n_sequences, width), torch.int32)
    job = Pooling(
        layout.n_steps,
        layout.n_sequences,
        states.shape[1],
        layout.offsets.data_ptr(),
        states.data_ptr(),
        states.stride(0),
        largest.data_ptr(),
        at.data_ptr(),
        mean.data_ptr(),
    )
    job.alive = (largest, mean)  # type: ignore[attr-defined]  (the pointers are theirs)
    return job
