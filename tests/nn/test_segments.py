"""Pooling over ragged rows against each sequence by itself."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmkit.nn import max_and_mean, segments
from lstmkit.nn.library import Found
from lstmkit.ragged import Ragged


@pytest.mark.parametrize("compiled", [True, False])
@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=12),
    width=st.sampled_from([1, 3, 16, 37]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    seed=st.integers(0, 2**20),
)
def test_each_sequence_by_itself(compiled: bool, lengths: list[int], width: int, dtype: torch.dtype, seed: int) -> None:
    torch.manual_seed(seed)
    sequences = [torch.randn(n, width, dtype=dtype, requires_grad=True) for n in lengths]
    batch = Ragged.from_sequences(sequences)
    with pytest.MonkeyPatch.context() as patch:
        if not compiled:
            patch.setattr(segments, "native_library", lambda: Found(None, "left out"))
        largest, mean = max_and_mean(batch.rows, batch.layout)
    weights = torch.randn(2, len(lengths), width, dtype=dtype)
    found = torch.autograd.grad((largest * weights[0] + mean * weights[1]).sum(), sequences)
    tolerance = 1e-12 if dtype == torch.float64 else 1e-5
    for k, place in enumerate(batch.order.tolist()):
        own = sequences[place]
        assert torch.equal(largest[k], own.max(0).values)
        torch.testing.assert_close(mean[k], own.mean(0), rtol=tolerance, atol=tolerance)
        (wanted,) = torch.autograd.grad((own.max(0).values * weights[0, k] + own.mean(0) * weights[1, k]).sum(), own)
        torch.testing.assert_close(found[place], wanted, rtol=tolerance, atol=tolerance)


def test_derivatives() -> None:
    torch.manual_seed(0)
    batch = Ragged.from_sequences([torch.randn(n, 3, dtype=torch.float64) for n in (4, 2, 1)])
    rows = batch.rows.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: max_and_mean(x, batch.layout), rows)
    assert torch.autograd.gradgradcheck(lambda x: max_and_mean(x, batch.layout), rows)


def test_the_first_of_equals_has_the_gradient_and_nan_stays() -> None:
    batch = Ragged.from_sequences([torch.tensor([[1.0], [7.0], [7.0]]), torch.tensor([[2.0], [math.nan], [3.0]])])
    rows = batch.rows.requires_grad_()
    largest, mean = max_and_mean(rows, batch.layout)
    assert largest[0] == 7
    assert largest[1].isnan()
    assert mean[1].isnan()
    assert mean[0] == 5
    assert torch.autograd.grad(largest[0].sum(), rows)[0].flatten().tolist() == [0, 0, 1, 0, 0, 0]
