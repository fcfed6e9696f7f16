"""Sigmoid and tanh of every kernel against long double, in units in the last place."""

from collections.abc import Callable

import numpy as np
import pytest
from native_kernels import FOUND, ISAS, kernels, needs_library

pytestmark = needs_library

OPS = ("sigmoid", "tanh")
DTYPES = ("float32", "float64")
MOST_ULPS = 2.5  # as docs/engine.md says
# What is allowed where the exact result is no normal number.
SMALLEST = {"float32": 1e-38, "float64": 2.3e-308}


def activate(op: str, x: np.ndarray) -> np.ndarray:
    """y = op(x) by the kernels in use, in a buffer that is read to its last element."""
    x = np.ascontiguousarray(x)
    y = np.full_like(x, 7.0)
    assert FOUND.library is not None
    FOUND.library.lstmkit_activate(int(x.dtype == np.float64), OPS.index(op), x.size, x.ctypes.data, y.ctypes.data)
    return y


def exact(op: str, x: np.ndarray) -> np.ndarray:
    """The same in long double, which has 11 bits more than float64 where the processor has such numbers."""
    wide = x.astype(np.longdouble)
    with np.errstate(over="ignore", under="ignore"):
        return 1 / (1 + np.exp(-wide)) if op == "sigmoid" else np.tanh(wide)


def ulps(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Distance in units of the last place that the exact result has in the dtype."""
    with np.errstate(under="ignore"):
        spacing = np.spacing(np.abs(expected).astype(found.dtype)).astype(np.longdouble)
    return np.abs(found.astype(np.longdouble) - expected) / spacing


def grid(dtype: str) -> np.ndarray:
    """Every magnitude from the smallest denormal to the largest number, denser where the functions bend; both signs."""
    info = np.finfo(dtype)
    smallest, largest = int(np.log2(info.smallest_subnormal)), int(info.maxexp)
    steps = 1 + np.arange(256) / 256
    magnitudes = [np.ldexp(steps.astype(dtype), e) for e in range(smallest, largest)]
    dense = [np.linspace(0, end, 100_001) for end in (1e-3, 0.5, 2.0, 10.0, 20.0, 45.0, 90.0, 105.0, 710.0, 750.0)]
    random = np.random.default_rng(0).normal(0, [[0.1], [1.0], [10.0]], (3, 100_000)).ravel()
    x = np.concatenate([*magnitudes, *[part.astype(dtype) for part in [*dense, random]], [info.max]]).astype(dtype)
    x = np.concatenate([x, np.nextafter(x, dtype_zero(dtype))])
    x = x[np.isfinite(x)]
    return np.concatenate([x, -x])


def dtype_zero(dtype: str) -> np.ndarray:
    """Zero of that type."""
    return np.zeros((), dtype)


@pytest.mark.skipif(np.finfo(np.longdouble).nmant <= 52, reason="long double is float64 here; the oracle needs more")
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_magnitude_is_within_2_5_units_in_the_last_place(
    isa: str, op: str, dtype: str, record_property: Callable[[str, object], None]
) -> None:
    x = grid(dtype)
    assert x.size > 2_000_000
    with kernels(isa):
        found = activate(op, x)
    expected = exact(op, x)
    normal = np.abs(expected) >= np.finfo(dtype).tiny
    assert normal.sum() > 1_000_000
    assert (~normal).sum() > 1_000
    apart = ulps(found[normal], expected[normal])
    worst = int(apart.argmax())
    record_property("worst_ulps", float(apart[worst]))
    print(f"{isa} {op} {dtype}: worst {float(apart[worst]):.2f} ulp at {x[normal][worst]!r}")
    assert apart[worst] <= MOST_ULPS, x[normal][worst]
    assert np.abs(found[~normal].astype(np.longdouble) - expected[~normal]).max() <= SMALLEST[dtype]
    assert (np.abs(found) <= 1).all()
    if op == "tanh":
        assert (np.signbit(found) == np.signbit(x)).all()


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_zeros_infinities_and_nan(isa: str, dtype: str) -> None:
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan], dtype)
    with kernels(isa):
        bent, gate = activate("tanh", x), activate("sigmoid", x)
    assert bent[:4].tolist() == [0, 0, 1, -1]
    assert np.signbit(bent[:2]).tolist() == [False, True]
    assert gate[:3].tolist() == [0.5, 0.5, 1]
    assert 0 <= gate[3] <= SMALLEST[dtype]
    assert np.isnan([*bent[4:], *gate[4:]]).all()


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_no_lane_or_tail_differs_and_nothing_is_written_behind(isa: str, op: str, dtype: str) -> None:
    assert FOUND.library is not None
    x = np.array([-3.5, 0.25, 90.0, -800.0, np.nan, 1e-30, 0.0, -1.0], dtype)
    with kernels(isa):
        alone = np.concatenate([activate(op, x[i : i + 1]) for i in range(x.size)])
        for n in range(41):
            for shift in range(x.size):
                repeated, expected = (np.resize(np.roll(values, -shift), n) for values in (x, alone))
                y = np.full(n + 16, 7.0, dtype)
                FOUND.library.lstmkit_activate(
                    int(dtype == "float64"), OPS.index(op), n, repeated.ctypes.data, y.ctypes.data
                )
                np.testing.assert_array_equal(y[:n], expected)
                assert (y[n:] == 7).all()
