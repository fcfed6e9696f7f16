"""Recurrent layers, one or both directions, over ragged rows."""

import math
from typing import Literal, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from lstmkit.nn import reference, torch_engine
from lstmkit.nn.engines import Cell, EngineChoice, choose_engine, engine_for
from lstmkit.nn.layers import Weights
from lstmkit.nn.stack import FirstLayer, reading_rows, reading_tokens, run_stack
from lstmkit.ragged import Layout

Initialization = Literal["standard", "chrono"]
GATES = {"lstm": 4, "gru": 3, "rnn": 1}
"""Rows of a cell's weights for each of its units, in units."""
_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class Recurrence(nn.Module):
    """LSTM, GRU or tanh RNN. Parameters carry the names and shapes of `torch.nn.LSTM`, `GRU` and `RNN`.

    Args:
        cell: lstm, gru or rnn.
        input_size: features of a row.
        hidden_size: units of each layer and direction.
        num_layers: layers on top of each other.
        bidirectional: also read each sequence from its own end; the two states stand beside each other.
        dropout: share of values dropped between layers while training.
        forget_bias: the forget gate's bias at the start. torch's LSTM has two bias vectors that are added;
            it is put into `bias_ih` alone (Jozefowicz et al. 2015, section 2.2, for the value 1).
        initialization: standard, or chrono for an LSTM whose units begin with time constants spread up to
            `chrono_length` steps (Tallec and Ollivier 2018); it acts on the LSTM alone, for its forget
            gate's bias in place of `forget_bias`.
        chrono_length: the longest span of steps that chrono prepares for, the paper's T_max; up to 2 its biases are 0.
        engine: auto, native, torch or reference.

    Attributes:
        last_engine: the engine that ran the last call; empty before the first.
        last_reason: why it did.
    """

    def __init__(
        self,
        cell: Cell,
        input_size: int,
        hidden_size: int,
        *,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        forget_bias: float = 1.0,
        initialization: Initialization = "standard",
        chrono_length: int = 0,
        engine: str = "auto",
    ) -> None:
        super().__init__()
        self.cell: Cell = cell
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.forget_bias = forget_bias
        self.initialization: Initialization = initialization
        self.chrono_length = chrono_length
        self._asked = engine
        self.last_engine = ""
        self.last_reason = ""
        choose_engine(engine, cell)
        self._directions = ("", "_reverse") if bidirectional else ("",)
        for layer in range(num_layers):
            for direction in self._directions:
                for name, shape in zip(_NAMES, self._shapes(layer), strict=True):
                    self.register_parameter(f"{name}_l{layer}{direction}", nn.Parameter(torch.empty(shape)))
        self.reset_parameters()

    @property
    def output_size(self) -> int:
        """Features of a state: units times directions."""
        return self.hidden_size * len(self._directions)

    @property
    def engine(self) -> EngineChoice:
        """The engine that runs this module where it is now."""
        return choose_engine(self._asked, self.cell, next(self.parameters()).device.type)

    def reset_parameters(self) -> None:
        """Draw weights from U(-b, b) with b = 1/sqrt(hidden), as torch does; biases are 0, but for the LSTM's gates.

        Standard: the forget bias as asked. Chrono: forget biases log(U(1, T - 1)), input biases their negatives, so
        that a unit forgets, and takes in, about once in U(1, T - 1) + 1 steps (Tallec and Ollivier 2018).
        """
        bound, hidden = 1 / math.sqrt(self.hidden_size), self.hidden_size
        for name, parameter in self.named_parameters():
            if name.startswith("weight"):
                nn.init.uniform_(parameter, -bound, bound)
                continue
            nn.init.zeros_(parameter)
            if self.cell != "lstm" or not name.startswith("bias_ih"):
                continue
            with torch.no_grad():
                input_gate, forget_gate = parameter[:hidden], parameter[hidden : 2 * hidden]
                if self.initialization == "chrono":
                    forget_gate.uniform_(1.0, max(self.chrono_length - 1.0, 1.0)).log_()
                    input_gate.copy_(-forget_gate)
                else:
                    forget_gate.fill_(self.forget_bias)

    def forward(self, inputs: Float[Tensor, "rows input"], layout: Layout) -> Float[Tensor, "rows states"]:
        """The last layer's hidden state after each step, from a zero state; row k belongs to row k of the input.

        Raises:
            RuntimeError: shapes do not agree.
            RequestError: the engine was asked for by name and cannot run this call.
        """
        engine = self._engine_for(inputs)
        if self.cell == "lstm":
            return self._stacked(reading_rows(engine, inputs, layout, False), engine, layout)
        return self._others(inputs, engine, layout)

    def read_tokens(
        self, tokens: Int[Tensor, " rows"], embedding: nn.Embedding, layout: Layout
    ) -> Float[Tensor, "rows states"]:
        """The same over tokens, as `forward(embedding(tokens), layout)`."""
        engine = self._engine_for(embedding.weight)
        if self.cell == "lstm":
            return self._stacked(reading_tokens(engine, tokens, embedding, layout, False), engine, layout)
        return self._others(embedding(tokens), engine, layout)

    def _engine_for(self, data: Tensor) -> EngineChoice:
        engine = engine_for(self._asked, data, cast(Tensor, self.weight_hh_l0), cell=self.cell)
        if (self.last_engine, self.last_reason) != (engine.name, engine.reason):
            self.last_engine, self.last_reason = engine.name, engine.reason
        return engine

    def _stacked(self, first: FirstLayer, engine: EngineChoice, layout: Layout) -> Tensor:
        weights = [[self._weights(k, direction) for direction in self._directions] for k in range(self.num_layers)]
        return run_stack(
            first, engine, layout, weights, None, dropout=self.dropout, training=self.training, wants_ends=False
        )[0]

    def _others(self, states: Tensor, engine: EngineChoice, layout: Layout) -> Tensor:
        cell = cast(reference.OtherCell, self.cell)
        run = reference.other_cell if engine.name == "reference" else torch_engine.other_cell
        for layer in range(self.num_layers):
            if layer:
                states = nn.functional.dropout(states, self.dropout, self.training)
            found = [run(cell, states, layout, self._weights(layer, ""))]
            if self.bidirectional:
                # Each sequence is reversed within its own length, so the backward pass starts at its last valid step.
                turned = run(cell, layout.reversed_rows(states), layout, self._weights(layer, "_reverse"))
                found.append(layout.reversed_rows(turned))
            states = torch.cat(found, 1) if self.bidirectional else found[0]
        return states

    def _shapes(self, layer: int) -> tuple[tuple[int, ...], ...]:
        width = self.hidden_size * len(self._directions) if layer else self.input_size
        gates = GATES[self.cell] * self.hidden_size
        return (gates, width), (gates, self.hidden_size), (gates,), (gates,)

    def _weights(self, layer: int, direction: str) -> Weights:
        """The weights of a layer, looked at before any engine reads them; torch's own reads past those of other shapes.

        Raises:
            RuntimeError: one is of another shape; it was exchanged, or a size of the module was changed.
        """
        names = [f"{name}_l{layer}{direction}" for name in _NAMES]
        weights = tuple(getattr(self, name) for name in names)
        for name, weight, shape in zip(names, weights, self._shapes(layer), strict=True):
            if weight.shape != shape:
                raise RuntimeError(
                    f"{name} is {tuple(weight.shape)} where input_size {self.input_size} and hidden_size "
                    f"{self.hidden_size} take {shape}; make a new network of other sizes"
                )
        return cast(Weights, weights)
