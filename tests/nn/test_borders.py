"""What the library would read past its end is refused before, in one line, as torch refuses it."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from lstmkit.nn import LSTM, Adam, Recurrence, TokenLSTM, max_and_mean, native
from lstmkit.ragged import Layout

LAYOUT = Layout(torch.tensor([5, 4, 3]))
N_ROWS = 12
assert LAYOUT.n_rows == N_ROWS


@pytest.mark.parametrize(("sizes", "n_rows"), [([1, 2], 3), ([3, 1, 2], 6), ([2, 2], 5), ([2, 2], 3), ([2], 3)])
@pytest.mark.parametrize("with_gradient", [True, False])
def test_packed_sequences_that_cannot_be(sizes: list[int], n_rows: int, with_gradient: bool) -> None:
    sizes_given = torch.tensor(sizes)
    with torch.set_grad_enabled(with_gradient):
        with pytest.raises(ValueError, match="must not grow, and add up to the rows"):
            LSTM(4, 5)(PackedSequence(torch.zeros(n_rows, 4), sizes_given))
        with pytest.raises(ValueError, match="must not grow, and add up to the rows"):
            TokenLSTM(9, 4, 5)(PackedSequence(torch.zeros(n_rows, dtype=torch.int64), sizes_given))


@pytest.mark.parametrize("rows", [(400, 5), (11, 5), (12, 70), (12, 1)])
@pytest.mark.parametrize("with_gradient", [True, False])
def test_rows_that_are_not_those_of_the_layout_and_the_weights(rows: tuple[int, int], with_gradient: bool) -> None:
    module = Recurrence("lstm", 5, 6)
    match = rf"a tensor of shape \({rows[0]}, {rows[1]}\) came where 12 rows, 3 sequences and 6 units take \(12, 5\)"
    with torch.set_grad_enabled(with_gradient), pytest.raises(RuntimeError, match=match):
        module(torch.zeros(rows), LAYOUT)
    with pytest.raises(RuntimeError, match=r"came where 12 rows, .* take \(12,\)"):
        module.read_tokens(torch.zeros(11, dtype=torch.int64), nn.Embedding(3, 5), LAYOUT)


def weights(n: int, hidden: int = 6, dtype: torch.dtype = torch.float32) -> list[Any]:
    shapes = ((4 * hidden, 5), (4 * hidden, hidden), (4 * hidden,), (4 * hidden,))
    return [tuple(torch.zeros(shape, dtype=dtype) for shape in shapes) for _ in range(n)]


def short(k: int) -> list[Any]:
    """Weights of which the k-th is a row short."""
    group = list(weights(1)[0])
    group[k] = group[k][1:]
    return [tuple(group)]


WRONG: dict[str, tuple[Tensor, Tensor | None, list[Any], Any]] = {
    "states of another batch": (torch.zeros(12, 5), None, weights(1), (torch.zeros(1, 2, 6),) * 2),
    "states of other units": (torch.zeros(12, 5), None, weights(1), (torch.zeros(1, 3, 5),) * 2),
    "one state for two directions": (torch.zeros(12, 5), None, weights(2), (torch.zeros(1, 3, 6),) * 2),
    "too few places": (torch.zeros(2, 5), torch.zeros(11, dtype=torch.int32), weights(1), None),
    "weight_ih": (torch.zeros(12, 5), None, short(0), None),
    "weight_hh": (torch.zeros(12, 5), None, short(1), None),
    "bias_ih": (torch.zeros(12, 5), None, short(2), None),
    "bias_hh": (torch.zeros(12, 5), None, short(3), None),
}


@pytest.mark.parametrize("what", sorted(WRONG))
def test_shapes_of_a_layer(what: str) -> None:
    inputs, rows, groups, state = WRONG[what]
    with pytest.raises(RuntimeError, match="came where 12 rows, 3 sequences and 6 units take"):
        native.layer(inputs, rows, LAYOUT, groups, state)


def test_a_table_of_another_width() -> None:
    with pytest.raises(RuntimeError, match=r"shape \(12, 23\) came where .* take \(12, 24\)"):
        native.recur(torch.zeros(12, 23), None, LAYOUT, [torch.zeros(24, 6)])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.int64])
def test_dtypes_that_the_library_has_not(dtype: torch.dtype) -> None:
    name = str(dtype).removeprefix("torch.")
    with pytest.raises(RuntimeError, match=f"are {name} on cpu; give one dtype, float32 or float64, on the CPU"):
        native.layer(torch.zeros(12, 5, dtype=dtype), None, LAYOUT, weights(1, dtype=dtype))


def test_pooling_of_other_rows() -> None:
    with pytest.raises(RuntimeError, match="11 rows of states came for a layout of 12; give those of one batch"):
        max_and_mean(torch.zeros(11, 5), LAYOUT)


@pytest.mark.parametrize("kind", ["turned", "each element for itself"])
def test_adam_reads_rows_alone(kind: str) -> None:
    """A parameter whose rows are not contiguous, or a gradient without whole rows, goes the dense way."""
    sides = []
    for sparse in (True, False):
        torch.manual_seed(0)
        parameter = nn.Parameter(torch.randn(300, 40).T if kind == "turned" else torch.randn(40, 300))
        places = torch.tensor([[3, 39]]) if kind == "turned" else torch.tensor([[3, 39], [1, 299]])
        values = torch.randn(2, 300) if kind == "turned" else torch.randn(2)
        grad = torch.sparse_coo_tensor(places, values, (40, 300), check_invariants=True)
        parameter.grad = grad if sparse else grad.to_dense()
        Adam([parameter]).step()
        sides.append(parameter.detach())
    assert torch.equal(*sides)
