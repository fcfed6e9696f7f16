"""Products, sums of outer products, sums of rows and distinct tokens of every kernel, against torch in float64."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from native_kernels import FOUND, ISAS, kernels, needs_library
from torch import Tensor

from lstmkit.nn import native

pytestmark = needs_library

DTYPES = (torch.float32, torch.float64)
TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-14}
# No vector, tile, panel or block divides most of these; some are each one's edge.
SIZES = st.sampled_from([1, 2, 3, 5, 7, 8, 15, 16, 17, 23, 24, 31, 33, 37, 47, 48, 49, 63, 65, 95, 97, 100, 130])
DEPTHS = st.one_of(SIZES, st.sampled_from([127, 128, 129, 255, 256, 257, 300, 513]))
isas, dtypes, seeds = st.sampled_from(ISAS), st.sampled_from(DTYPES), st.integers(0, 2**20)
gaps = st.sampled_from([0, 1, 5])


def normal(n: int, m: int, gap: int, dtype: torch.dtype) -> Tensor:
    """A random matrix, `gap` numbers between its rows; a NaN stands in each."""
    return torch.cat([torch.randn(n, m), torch.full((n, gap), torch.nan)], 1).to(dtype)[:, :m]


def assert_close(found: Tensor, expected: Tensor, terms: Tensor) -> None:
    """`terms`: what the same sums come to over absolute values, which is what rounding is relative to."""
    assert found.shape == expected.shape
    apart = (found.double() - expected).abs()
    assert bool((apart <= TOLERANCE[found.dtype] * terms + 1e-30).all()), float((apart / terms).max())


@settings(max_examples=150, deadline=None)
@given(isas, dtypes, SIZES, DEPTHS, SIZES, gaps, st.booleans(), st.booleans(), seeds)
def test_a_product_is_that_of_torch(
    isa: str, dtype: torch.dtype, n: int, k: int, m: int, gap: int, transposed: bool, biased: bool, seed: int
) -> None:
    torch.manual_seed(seed)
    a, weight = normal(n, k, gap, dtype), normal(*((m, k) if transposed else (k, m)), gap, dtype)
    bias = torch.randn(m, dtype=dtype) if biased else None
    whole = torch.full((n, m + gap), 7.0, dtype=dtype)
    with kernels(isa):
        returned = native.multiply(a, native.packed(weight, transposed), whole[:, :m], bias)
    assert returned.data_ptr() == whole.data_ptr()
    assert bool((whole[:, m:] == 7).all())
    b, added = (weight.T if transposed else weight).double(), torch.zeros(1) if bias is None else bias.double()
    assert_close(whole[:, :m], a.double() @ b + added, a.double().abs() @ b.abs() + added.abs())


@pytest.mark.parametrize("isa", ISAS)
def test_a_product_of_no_rows_touches_nothing(isa: str) -> None:
    with kernels(isa):
        out = native.multiply(torch.empty(0, 3), native.packed(torch.ones(3, 5), False), torch.empty(0, 5))
    assert out.shape == (0, 5)


@settings(max_examples=150, deadline=None)
@given(isas, dtypes, DEPTHS, SIZES, SIZES, gaps, st.booleans(), st.booleans(), seeds)
def test_a_sum_of_outer_products_leaves_out_negative_rows(
    isa: str, dtype: torch.dtype, n: int, m: int, p: int, gap: int, chosen: bool, sums: bool, seed: int
) -> None:
    torch.manual_seed(seed)
    n_b = 1 + n // 2 if chosen else n
    a, b = normal(n, m, gap, dtype), normal(n_b, p, gap, dtype)
    rows = torch.randint(-1, n_b, (n,), dtype=torch.int32) if chosen else None
    with kernels(isa):
        out, columns = native.sum_outer(a, b, rows, sums)
    index = torch.arange(n) if rows is None else rows.long()
    left, right = a[index >= 0].double(), b[index[index >= 0]].double()
    assert_close(out, left.T @ right, left.abs().T @ right.abs())
    if sums:  # of all rows, those left out above included
        assert columns is not None
        assert_close(columns, a.double().sum(0), a.double().abs().sum(0))
    else:
        assert columns is None


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_no_row_at_all_sums_to_zero(isa: str, dtype: torch.dtype) -> None:
    a, b = torch.randn(9, 4, dtype=dtype), torch.full((9, 3), torch.nan, dtype=dtype)
    with kernels(isa):
        out, columns = native.sum_outer(a, b, torch.full((9,), -1, dtype=torch.int32), sums=True)
    assert columns is not None
    assert out.tolist() == [[0.0] * 3] * 4
    assert_close(columns, a.double().sum(0), a.double().abs().sum(0))


@settings(max_examples=100, deadline=None)
@given(isas, dtypes, DEPTHS, SIZES, gaps, st.floats(0, 1), st.integers(1, 4), seeds)
def test_rows_are_added_up_by_destination(
    isa: str, dtype: torch.dtype, n: int, width: int, gap: int, share: float, n_threads: int, seed: int
) -> None:
    torch.manual_seed(seed)
    n_out = 1 + int(share * (n - 1))
    source = normal(n, width, gap, dtype)
    rows = torch.cat([torch.arange(n_out), torch.randint(n_out, (n - n_out,))])[torch.randperm(n)].int()
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        with kernels(isa):
            out = native.sum_rows(source, rows, n_out)
    finally:
        torch.set_num_threads(before)
    # In the order of the rows and in the same type, so to the last bit.
    expected = torch.zeros(n_out, width, dtype=dtype)
    for r, d in enumerate(rows.tolist()):
        expected[d] += source[r]
    assert torch.equal(out, expected)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=80), st.integers(41, 60))
@example([], 1)
def test_distinct_tokens_stand_in_order_of_first_appearance(tokens: list[int], vocabulary: int) -> None:
    found, rows = native.distinct(torch.tensor(tokens, dtype=torch.int64), vocabulary)
    assert found.tolist() == list(dict.fromkeys(tokens))
    assert (found.dtype, rows.dtype) == (torch.int64, torch.int32)
    assert found[rows.long()].tolist() == tokens


def test_distinct_reads_strided_tokens() -> None:
    found, rows = native.distinct(torch.tensor([[4, 9], [2, 9], [4, 9]])[:, 0], 5)
    assert (found.tolist(), rows.tolist()) == ([4, 2], [0, 1, 0])


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 9), max_size=20),
    st.sampled_from([-1, 10, 2**31, -(2**31), 2**62]),
    st.lists(st.integers(0, 9), max_size=20),
)
def test_a_token_outside_the_vocabulary_is_an_error_and_the_next_call_is_sound(
    before: list[int], wrong: int, after: list[int]
) -> None:
    tokens = torch.tensor([*before, wrong, *after])
    with pytest.raises(IndexError, match=r"outside 0\.\.9"):
        native.distinct(tokens, 10)
    good = torch.tensor([*before, 3, *after])
    found, rows = native.distinct(good, 10)
    assert found[rows.long()].tolist() == good.tolist()
    # The same of the C function, whose places are the caller's: they are as before, whatever came.
    assert FOUND.library is not None
    place, distinct = torch.full((10,), -1, dtype=torch.int32), torch.empty(10, dtype=torch.int64)
    out = torch.empty(len(tokens), dtype=torch.int32)
    for given_tokens, expected in ((tokens, -1), (good, len(found))):
        n = FOUND.library.lstmkit_distinct(
            given_tokens.data_ptr(), len(given_tokens), 10, place.data_ptr(), distinct.data_ptr(), out.data_ptr()
        )
        assert n == expected
        assert place.tolist() == [-1] * 10
    assert distinct[: len(found)].tolist() == found.tolist()
