"""The layers of an LSTM by the native engine: any number of streams, and one step of one stream without ado."""

from ctypes import addressof, byref, c_int32
from threading import Lock
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from lstmkit.nn import native
from lstmkit.nn.library import Direction, Product
from lstmkit.stream.stack import Arrays, Arrived, Weights

_ONE = np.array([0, 1], dtype=np.int64)  # where the only step of the only stream lies


class NativeWeights:
    """The layers' weights, packed once for all streams of a model."""

    def __init__(self, layers: list[Weights]) -> None:
        self.hidden_size = layers[0].hidden_size
        self.dtype = layers[0].hh.dtype
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"weights are {self.dtype}; a stream by the native engine takes float32 or float64")
        gates, hidden = 4 * self.hidden_size, self.hidden_size
        for k, layer in enumerate(layers):
            expect_array("weight_ih", layer.ih, (gates, hidden if k else layer.ih.shape[-1]), self.dtype)
            expect_array("weight_hh", layer.hh, (gates, hidden), self.dtype)
            for name, bias in (("bias_ih", layer.bias_ih), ("bias_hh", layer.bias_hh)):
                expect_array(name, bias, (gates,), self.dtype)
        self.kind = int(self.dtype == np.float64)
        self.hh = [_packed(layer.hh) for layer in layers]
        self.ih = [_packed(layer.ih) if k else None for k, layer in enumerate(layers)]
        self.bias = [layer.input_bias("lstm") for layer in layers]


class NativeStack:
    """See `lstmkit.stream.stack.Stack`."""

    def __init__(self, weights: NativeWeights) -> None:
        self._weights = weights
        self._library = native.library()
        self._stride = self._library.lstmkit_work_stride(weights.kind, weights.hidden_size, 0)
        self._work = np.empty(0, dtype=np.uint8)
        self._states, self._gates = (np.empty((0, 0), dtype=weights.dtype) for _ in range(2))

    def advance(self, arrived: Arrived, hidden: Arrays, cells: Arrays) -> Float[np.ndarray, "rows hidden"]:
        """See `Stack`."""
        own, n_rows = self._weights, int(arrived.starts[-1])
        _check_arrived(own, arrived)
        for arrays, name in ((hidden, "a hidden state"), (cells, "a cell state")):
            _check_states(own, arrays, name, arrived.n_streams)
        self._make_room(n_rows, arrived.n_streams)
        is_step = arrived.n_steps == 1
        last = None if is_step else arrived.last_rows()
        n_threads = torch.get_num_threads()
        table, states = arrived.table, self._states
        for k in range(len(own.hh)):
            if k:
                table = self._gates[:n_rows]
                product = _product(own, k, states, table)
                self._library.lstmkit_multiply(own.kind, n_threads, byref(product))
            # A single step's states may take the place of those before: all products come before the first state.
            states = hidden[k] if is_step else self._states[:n_rows]
            job = _job(own, k, arrived.starts, table, hidden[k], cells[k], states)
            if not k and arrived.rows is not None:
                job.rows = _address(arrived.rows)
            job.work, job.work_stride = self._work_address, self._stride
            self._library.lstmkit_forward(own.kind, n_threads, 1, byref(job))
            if last is not None:
                hidden[k][: len(last)] = states[last]
        return states[:n_rows]

    def single(self, table: Float[np.ndarray, "distinct gates"], hidden: Arrays, cells: Arrays) -> "SingleStep":
        """What advances one stream by one row of the table. Everything else is settled beforehand.

        Args:
            table: see `Arrived`.
            hidden: `(1, hidden)` each, always these arrays.
            cells: the same.
        """
        own, library, row = self._weights, self._library, c_int32()
        expect_array("the table", table, (len(table), 4 * own.hidden_size), own.dtype)
        for arrays, name in ((hidden, "a hidden state"), (cells, "a cell state")):
            _check_states(own, arrays, name, 1)
        self._make_room(1, 1)
        calls: list[tuple[Any, tuple[Any, ...]]] = []
        for k in range(len(own.hh)):
            gates = self._gates[:1] if k else table
            if k:
                product = _product(own, k, hidden[k - 1], gates)
                calls.append((library.lstmkit_multiply, (own.kind, 1, byref(product))))
            job = _job(own, k, _ONE, gates, hidden[k], cells[k], hidden[k])
            job.work, job.work_stride = self._work_address, self._stride
            if not k:
                job.rows = addressof(row)
            calls.append((library.lstmkit_forward, (own.kind, 1, 1, byref(job))))
        return SingleStep(row, len(table), calls, (own, table, self._work, self._gates, hidden, cells))

    def _make_room(self, n_rows: int, n_streams: int) -> None:
        own = self._weights
        if len(self._work) < n_streams * self._stride + 64:
            self._work = np.empty(n_streams * self._stride + 64, dtype=np.uint8)
            self._work_address = _address(self._work) + -_address(self._work) % 64
        if len(self._states) < n_rows:
            self._states = np.empty((n_rows, own.hidden_size), dtype=own.dtype)
            if len(own.hh) > 1:
                self._gates = np.empty((n_rows, 4 * own.hidden_size), dtype=own.dtype)


class SingleStep:
    """The calls of one step of one stream, with all that they point to."""

    def __init__(
        self, row: c_int32, n_rows: int, calls: list[tuple[Any, tuple[Any, ...]]], alive: tuple[Any, ...]
    ) -> None:
        self._row = row
        self._n_rows = n_rows
        self._calls = calls
        self._alive = alive

    def __call__(self, row: int) -> None:
        """Advance the stream by this row of the table.

        Raises:
            IndexError: the table has no such row.
        """
        if not 0 <= row < self._n_rows:
            raise IndexError(f"row {row} is outside 0..{self._n_rows - 1}")
        self._row.value = row
        for function, arguments in self._calls:
            function(*arguments)


class NativeProduct:
    """See `lstmkit.stream.stack.RowsProduct`; a row's result does not depend on the rows beside it."""

    def __init__(self, weight: Float[np.ndarray, "k m"], bias: Float[np.ndarray, " m"]) -> None:
        expect_array("the weight", weight, (len(weight), len(bias)), bias.dtype)
        self.weight = weight
        self.bias = bias
        self.packed = native.packed(torch.from_numpy(weight), transposed=False)
        self._kind = int(bias.dtype == np.float64)
        self._multiply = native.library().lstmkit_multiply
        self._addresses = self.packed.data_ptr(), _address(bias)
        # One row is the rule for a stream; it goes by arrays that are always the same, one thread at a time.
        self._row, self._out = (np.zeros((1, n), dtype=bias.dtype) for n in weight.shape)
        self._single = SingleProduct(self._row, self.packed, bias, self._out)
        self._turn = Lock()

    def __call__(self, rows: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n m"]:
        """See `RowsProduct`."""
        (k, m), n, dtype = self.weight.shape, len(rows), self.bias.dtype
        if n == 1 and rows.shape[1] == k:
            with self._turn:
                self._row[:] = rows
                self._single()
                return self._out.copy()
        if rows.shape != (n, k) or rows.dtype != dtype or not rows.flags.c_contiguous:
            rows = np.ascontiguousarray(rows, dtype=dtype)
            expect_array("rows", rows, (n, k), dtype)
        out = np.empty((n, m), dtype)
        job = Product(n, k, m, _address(rows), k, *self._addresses, _address(out), m)
        self._multiply(self._kind, torch.get_num_threads(), byref(job))
        return out


class SingleProduct:
    """One row times a matrix, on one thread.

    Args:
        row: `(1, k)`, always this array.
        packed: the matrix `(k, m)`, by `lstmkit.nn.native.packed`.
        bias: `(m,)`.
        out: `(1, m)`, always this array.
    """

    def __init__(self, row: np.ndarray, packed: Tensor, bias: np.ndarray, out: np.ndarray) -> None:
        self._alive = (row, packed, bias, out)
        k, m = row.shape[-1], out.shape[-1]
        expect_array("the row", row, (1, k), bias.dtype)
        expect_array("out", out, (1, m), bias.dtype)
        expect_array("the bias", bias, (m,), bias.dtype)
        size = native.library().lstmkit_packed_size(int(bias.dtype == np.float64), k, m)
        native.expect("the packed weight", packed, (size,), torch.from_numpy(bias).dtype)
        job = Product(1, k, m, _address(row), k, packed.data_ptr(), _address(bias), _address(out), m)
        self._multiply = native.library().lstmkit_multiply
        self._arguments = (int(row.dtype == np.float64), 1, byref(job))

    def __call__(self) -> None:
        """Write the product to `out`."""
        self._multiply(*self._arguments)


def expect_array(what: str, array: np.ndarray, shape: tuple[int, ...], dtype: Any) -> None:
    """As `lstmkit.nn.native.expect`, of an array.

    Raises:
        ValueError: it is of another shape or dtype, or not contiguous.
    """
    if array.shape != shape or array.dtype != dtype or not array.flags.c_contiguous:
        lies = "" if array.flags.c_contiguous else ", not contiguous"
        wanted = f"shape {shape}, {np.dtype(dtype)}, contiguous"
        raise ValueError(f"{what} has shape {array.shape}, {array.dtype}{lies}; give {wanted}")


def _check_arrived(own: NativeWeights, arrived: Arrived) -> None:
    """See that what has arrived is what the library will read.

    Raises:
        ValueError: an array is of another shape or dtype, or steps do not lie as `Arrived` says.
        IndexError: a row is outside the table.
    """
    starts, rows, table = arrived.starts, arrived.rows, arrived.table
    expect_array("starts", starts, (len(starts),), np.int64)
    sizes = np.diff(starts)
    if len(starts) < 2 or starts[0] or sizes.min() < 0 or (np.diff(sizes) > 0).any():
        raise ValueError("starts must begin at 0, and steps must not grow; give the streams with most steps first")
    n_rows = int(starts[-1])
    expect_array("the table", table, (n_rows if rows is None else len(table), 4 * own.hidden_size), own.dtype)
    if rows is not None:
        expect_array("rows", rows, (n_rows,), np.int32)
        if n_rows and (rows.min() < 0 or rows.max() >= len(table)):
            raise IndexError(f"a row is outside 0..{len(table) - 1}")


def _check_states(own: NativeWeights, arrays: Arrays, name: str, n: int) -> None:
    if len(arrays) != len(own.hh):
        raise ValueError(f"{len(arrays)} arrays came where {len(own.hh)} layers take {name} each")
    for array in arrays:
        if len(array) < n:
            raise ValueError(f"{name} is of {len(array)} streams, and {n} have steps")
        expect_array(name, array, (len(array), own.hidden_size), own.dtype)


def _job(
    own: NativeWeights, k: int, starts: np.ndarray, table: np.ndarray, h: np.ndarray, c: np.ndarray, states: np.ndarray
) -> Direction:
    job = Direction(hidden=own.hidden_size, n_steps=len(starts) - 1, n_sequences=int(starts[1]))
    job.starts = _address(starts)
    job.table, job.table_stride = _address(table), table.shape[1]
    job.weight = own.hh[k].data_ptr()
    job.h0, job.cells = _address(h), _address(c)
    job.states, job.states_stride = _address(states), own.hidden_size
    return job


def _product(own: NativeWeights, k: int, states: np.ndarray, out: np.ndarray) -> Product:
    packed = own.ih[k]
    assert packed is not None  # noqa: S101  (for the type checker: the lowest layer has no product)
    hidden = own.hidden_size
    return Product(
        len(out), hidden, 4 * hidden, _address(states), hidden, packed.data_ptr(), _address(own.bias[k]), _address(out),
        4 * hidden,
    )  # fmt: skip


def _packed(weight: np.ndarray) -> Tensor:
    return native.packed(torch.from_numpy(weight), transposed=True)


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]
