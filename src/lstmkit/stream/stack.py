"""A stack of one-directional layers, advanced in place by the steps that have just arrived.

The lowest layer reads rows of gates' input, whatever they were made of: a token's row of a table, made once for the
whole vocabulary, or the projection of a row of features.
"""

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

Cell = Literal["lstm", "gru", "rnn"]
Arrays = list[Float[np.ndarray, "streams hidden"]]
"""One array a layer, each contiguous."""


@dataclass(frozen=True)
class Weights:
    """One layer. Shapes and order of the gates are those of torch.

    Attributes:
        ih: `(gates * hidden, features)`.
        hh: `(gates * hidden, hidden)`.
        bias_ih: `(gates * hidden,)`.
        bias_hh: the same.
    """

    ih: Float[np.ndarray, "gates features"]
    hh: Float[np.ndarray, "gates hidden"]
    bias_ih: Float[np.ndarray, " gates"]
    bias_hh: Float[np.ndarray, " gates"]

    @property
    def hidden_size(self) -> int:
        """Units of the layer."""
        return self.hh.shape[1]

    def input_bias(self, cell: Cell) -> Float[np.ndarray, " gates"]:
        """What is added before the recurrence; a GRU's second bias stands within its reset gate's product."""
        return self.bias_ih if cell == "gru" else self.bias_ih + self.bias_hh


@dataclass(frozen=True)
class Arrived:
    """What has arrived for some streams, time-major as in `lstmkit.ragged`: most steps first.

    Attributes:
        table: `(distinct, gates * hidden)`, the lowest layer's gates' input, biases included.
        rows: int32 `(rows,)`; row r reads `table[rows[r]]`. None: it reads `table[r]`.
        starts: int64 `(steps + 1,)`; row `starts[t] + k` is step t of stream k.
    """

    table: Float[np.ndarray, "distinct gates"]
    rows: Int[np.ndarray, " rows"] | None
    starts: Int[np.ndarray, " steps_plus_1"]

    @property
    def n_steps(self) -> int:
        """Steps of the stream that has most."""
        return len(self.starts) - 1

    @property
    def n_streams(self) -> int:
        """How many streams have any."""
        return int(self.starts[1])

    def last_rows(self) -> Int[np.ndarray, " streams"]:
        """The row of each stream's last step."""
        sizes = np.diff(self.starts)
        lengths = np.searchsorted(-sizes, -np.arange(self.n_streams), side="left")  # sizes never grow with t
        return self.starts[lengths - 1] + np.arange(self.n_streams)


@runtime_checkable
class Stack(Protocol):
    """An implementation of the layers, with work space of its own: one thread at a time."""

    def advance(self, arrived: Arrived, hidden: Arrays, cells: Arrays) -> Float[np.ndarray, "rows hidden"]:
        """Read what has arrived.

        Args:
            arrived: the steps.
            hidden: the layers' states, one row for each stream in the order of `arrived`; changed in place.
            cells: an LSTM's cell states; of other cells there are none. Changed in place.

        Returns:
            The top layer's state after each step; good until the next call.
        """
        ...


@runtime_checkable
class RowsProduct(Protocol):
    """Rows times a matrix, and a bias.

    Attributes:
        weight: the matrix `(k, m)`.
        bias: `(m,)`.
    """

    weight: Float[np.ndarray, "k m"]
    bias: Float[np.ndarray, " m"]

    def __call__(self, rows: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n m"]:
        """The product, of numbers of the matrix's kind."""
        ...


class FormulaProduct:
    """See `RowsProduct`: by numpy."""

    def __init__(self, weight: Float[np.ndarray, "k m"], bias: Float[np.ndarray, " m"]) -> None:
        self.weight = weight
        self.bias = bias

    def __call__(self, rows: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n m"]:
        """See `RowsProduct`."""
        return rows.astype(self.bias.dtype, copy=False) @ self.weight + self.bias


class FormulaStack:
    """The formulas by numpy: any cell, on any machine."""

    def __init__(self, cell: Cell, layers: list[Weights]) -> None:
        self._cell: Cell = cell
        self._layers = layers

    def advance(self, arrived: Arrived, hidden: Arrays, cells: Arrays) -> Float[np.ndarray, "rows hidden"]:
        """See `Stack`."""
        inputs = arrived.table if arrived.rows is None else arrived.table[arrived.rows]
        states = inputs
        for k, layer in enumerate(self._layers):
            if k:
                inputs = states @ layer.ih.T + layer.input_bias(self._cell)
            states = np.empty((len(inputs), layer.hidden_size), inputs.dtype)
            for start, end in zip(arrived.starts[:-1].tolist(), arrived.starts[1:].tolist(), strict=True):
                h = hidden[k][: end - start]
                c = cells[k][: end - start] if self._cell == "lstm" else None
                h[:] = states[start:end] = self._step(inputs[start:end], h, c, layer)
        return states

    def _step(self, x: np.ndarray, h: np.ndarray, c: np.ndarray | None, layer: Weights) -> np.ndarray:
        """The new state; `c` is changed in place. Formulas and their sources: `lstmkit.nn.reference`."""
        n = layer.hidden_size
        if c is not None:
            gates = x + h @ layer.hh.T
            i_and_f, o = _sigmoid(gates[:, : 2 * n]), _sigmoid(gates[:, 3 * n :])
            c *= i_and_f[:, n:]
            c += i_and_f[:, :n] * np.tanh(gates[:, 2 * n : 3 * n])
            return o * np.tanh(c)
        if self._cell == "rnn":
            return np.tanh(x + h @ layer.hh.T)
        before = h @ layer.hh.T + layer.bias_hh
        r_and_z = _sigmoid(x[:, : 2 * n] + before[:, : 2 * n])
        candidate = np.tanh(x[:, 2 * n :] + r_and_z[:, :n] * before[:, 2 * n :])
        return candidate + r_and_z[:, n:] * (h - candidate)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(0.5 * x)  # no overflow, unlike 1 / (1 + exp(-x))
