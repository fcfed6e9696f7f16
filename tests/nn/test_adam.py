"""Adam over gradients with few rows, against torch's over the same gradients made dense."""

import copy
import io
import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from lstmkit.nn import Adam, adam, clip_gradients
from lstmkit.nn.library import Found


def sparse(rows: list[int], n_rows: int, width: int, dtype: torch.dtype) -> Tensor:
    values = torch.randn(len(rows), width, dtype=dtype)
    with torch.sparse.check_sparse_tensor_invariants(enable=False):
        return torch.sparse_coo_tensor(torch.tensor([rows]), values, (n_rows, width))


@pytest.mark.parametrize("compiled", [True, False])
@settings(max_examples=30, deadline=None)
@given(
    dtype=st.sampled_from([torch.float64, torch.float32]),
    width=st.sampled_from([1, 3, 16, 37]),
    steps=st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=6), min_size=1, max_size=12),
    decay=st.sampled_from([(0.0, False), (0.1, False), (0.1, True)]),
    seed=st.integers(0, 2**20),
)
def test_it_is_torchs_adam(
    compiled: bool, dtype: torch.dtype, width: int, steps: list[list[int]], decay: tuple[float, bool], seed: int
) -> None:
    torch.manual_seed(seed)
    ours, theirs = (nn.Parameter(torch.ones(10, width, dtype=dtype)) for _ in range(2))
    beside = nn.Parameter(torch.ones(3, dtype=dtype))  # a parameter with a dense gradient in the same step
    keywords: dict[str, Any] = {"lr": 0.05, "betas": (0.8, 0.97), "weight_decay": decay[0]}
    subject = Adam([ours, beside], decoupled=decay[1], **keywords)
    kind = torch.optim.AdamW if decay[1] else torch.optim.Adam
    oracle = kind([theirs], **keywords)
    with pytest.MonkeyPatch.context() as patch:
        if not compiled:
            patch.setattr(adam, "native_library", lambda: Found(None, "left out"))
        for k, rows in enumerate(steps):
            for optimizer in (subject, oracle):
                optimizer.param_groups[0]["lr"] = 0.05 / (k + 1)
            ours.grad = sparse(rows, 10, width, dtype)  # a row may stand twice
            theirs.grad = ours.grad.to_dense()
            beside.grad = torch.ones_like(beside)
            subject.step()
            oracle.step()
    tolerance = 1e-12 if dtype == torch.float64 else 2e-6
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)
    assert not torch.equal(beside, torch.ones_like(beside))
    untouched = sorted(set(range(10)) - {row for rows in steps for row in rows})
    if not decay[0]:
        assert torch.equal(ours[untouched], torch.ones(len(untouched), width, dtype=dtype))
    for name in ("exp_avg", "exp_avg_sq"):
        torch.testing.assert_close(
            subject.state[ours][name], oracle.state[theirs][name], rtol=tolerance, atol=tolerance
        )


def test_a_row_goes_on_moving_without_a_gradient() -> None:
    """And so the comparison above could not be passed by an optimizer that leaves rows alone."""
    parameter = nn.Parameter(torch.ones(4, 2))
    optimizer = Adam([parameter])
    parameter.grad = sparse([1], 4, 2, torch.float32)
    optimizer.step()
    before = parameter.detach().clone()
    parameter.grad = sparse([2], 4, 2, torch.float32)
    optimizer.step()
    assert [bool((a != b).any()) for a, b in zip(parameter, before, strict=True)] == [False, True, True, False]


def test_a_state_of_torchs_own_goes_on() -> None:
    torch.manual_seed(0)
    ours, theirs = (nn.Parameter(torch.ones(4, 2, dtype=torch.float64)) for _ in range(2))
    oracle = torch.optim.Adam([theirs], fused=True)
    theirs.grad = torch.randn(4, 2, dtype=torch.float64)
    oracle.step()
    with torch.no_grad():
        ours.copy_(theirs)
    subject = Adam([ours])
    subject.load_state_dict(copy.deepcopy(oracle.state_dict()))
    ours.grad = sparse([1], 4, 2, torch.float64)
    theirs.grad = ours.grad.to_dense()
    subject.step()
    oracle.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=1e-13)


def test_clipping_is_torchs_whether_rows_are_few_or_stand_twice() -> None:
    torch.manual_seed(0)
    for largest in (0.5, 100.0, math.inf):
        ours, theirs = nn.Parameter(torch.ones(4, 2)), nn.Parameter(torch.ones(4, 2))
        ours.grad = sparse([1, 3, 1], 4, 2, torch.float32)
        theirs.grad = ours.grad.to_dense()
        norm = clip_gradients([ours, nn.Parameter(torch.ones(2))], largest)
        wanted = nn.utils.clip_grad_norm_([theirs], largest)
        torch.testing.assert_close(norm, wanted)
        torch.testing.assert_close(ours.grad.to_dense(), theirs.grad)


def test_a_state_that_was_stored_goes_on() -> None:
    """torch gives every array of a loaded state the parameter's dtype, the marks of live rows too."""
    torch.manual_seed(0)
    for dtype in (torch.float32, torch.float64):
        one, other = (nn.Parameter(torch.ones(300, 40, dtype=dtype)) for _ in range(2))
        first, second = Adam([one]), Adam([other])
        one.grad = sparse([1, 77], 300, 40, dtype)
        first.step()
        with torch.no_grad():
            other.copy_(one)
        stored = io.BytesIO()
        torch.save(first.state_dict(), stored)
        stored.seek(0)
        second.load_state_dict(torch.load(stored))
        assert second.state[other]["live"].dtype == torch.uint8
        assert second.state[other]["live"].nonzero().flatten().tolist() == [1, 77]
        one.grad = other.grad = sparse([5], 300, 40, dtype)
        first.step()
        second.step()
        assert torch.equal(one, other)
        assert (one[1] != 1).all()


def test_clipping_without_any_gradient_gives_zero_as_torch_does() -> None:
    parameters = [nn.Parameter(torch.ones(2))]
    assert torch.equal(clip_gradients(parameters, 1.0), nn.utils.clip_grad_norm_(parameters, 1.0))
    assert torch.equal(clip_gradients([], 1.0), nn.utils.clip_grad_norm_([], 1.0))
