"""The instrumented recurrence: a classifier's forward pass in plain torch that keeps every gate and state.

The same formulas as the engines (`tests/analyze/test_traced.py` holds them to 1e-6 in float32 and 1e-12 in float64),
slower, and with each step's state a tensor of its own in the graph, so that anything can be differentiated by it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from lstmkit.core.errors import LstmkitError
from lstmkit.core.explained import ENGINE_WITHIN
from lstmkit.models.classifier import Classifier
from lstmkit.models.pooling import pool
from lstmkit.nn.layers import Weights
from lstmkit.ragged import Layout, Ragged

GATES: dict[str, tuple[str, ...]] = {"lstm": ("i", "f", "o", "g"), "gru": ("r", "z", "n"), "rnn": ()}
"""What a trace keeps of each cell beside its states. Gates are sigmoids; g and n, the candidates, are tanh."""

_Step = tuple[Tensor, Tensor, tuple[Tensor, ...]]
"""Hidden state, cell state (of the others: as it was), and the gates in the order of `GATES`."""


@dataclass(frozen=True)
class LayerTrace:
    """What one layer held in one direction.

    Row k of each `(rows, hidden)` tensor belongs to row k of the batch: in the backward direction it is what the unit
    held once it had read row k, coming from the end.

    Attributes:
        gates: `(rows, hidden)` by name, see `GATES`.
        cell: `(rows, hidden)`, the LSTM's cell state; None for the others.
        hidden: `(rows, hidden)`.
        hidden_steps: the hidden state of each step of the layout, `(running, hidden)`, in the layout's order. These are
            what the recurrence itself reads: differentiate by them, see `by_step`. A derivative by `hidden` would
            leave out all paths through later steps.
        cell_steps: the same for the cell state.
    """

    gates: dict[str, Float[Tensor, "rows hidden"]]
    cell: Float[Tensor, "rows hidden"] | None
    hidden: Float[Tensor, "rows hidden"]
    hidden_steps: list[Float[Tensor, "_ hidden"]]
    cell_steps: list[Float[Tensor, "_ hidden"]] | None


@dataclass(frozen=True)
class Trace:
    """A forward pass from the inside.

    Attributes:
        logits: `(batch, classes)`, in the order in which the sequences were given, as `Classifier.forward` gives them.
        layers: by layer, lowest first, then by direction: forward, and backward where there are two.
        layout: where each step of each sequence lies.
    """

    logits: Float[Tensor, "batch classes"]
    layers: list[list[LayerTrace]]
    layout: Layout


def trace(
    network: Classifier,
    batch: Ragged,
    embedded: Float[Tensor, "rows embedding"] | None = None,
    *,
    through_cell_alone: bool = False,
) -> Trace:
    """Run a classifier as it runs in evaluation (no dropout), keeping what its units hold.

    Args:
        network: any cell, layers and directions; computed in its parameters' type and on their device.
        batch: token numbers `(rows,)`.
        embedded: what stands in for the embedding of `batch.rows`, as on the way of integrated gradients.
        through_cell_alone: let the gates read the states before as constants. Values are the same; what is
            differentiated is then the path from cell state to cell state alone (of a GRU: from state to state through
            the update gate).

    Returns:
        The trace; it has a graph where gradients are enabled.
    """
    recurrence, layout = network.recurrence, batch.layout
    states = network.embed(batch.rows) if embedded is None else embedded
    layers: list[list[LayerTrace]] = []
    for layer in range(recurrence.num_layers):
        own = [
            _run(recurrence.cell, states, layout, recurrence._weights(layer, suffix), through_cell_alone, suffix)
            for suffix in recurrence._directions
        ]
        layers.append(own)
        states = torch.cat([direction.hidden for direction in own], 1)
    pooled = pool(states, layout, network.pooling, recurrence.bidirectional)
    return Trace(batch.to_given_order(network.head(pooled)), layers, layout)


def by_step(
    of: Tensor, steps: list[Float[Tensor, "_ hidden"]], weights: Tensor | None = None, *, several: bool = False
) -> Float[Tensor, "*several rows hidden"]:
    """The derivative of `of` by each step's state: everything that the state goes into, later steps included.

    Args:
        of: a tensor of the graph that made `steps`.
        steps: `hidden_steps` or `cell_steps`.
        weights: of the elements of `of` in the sum that is differentiated, in the shape of `of`; None: `of` is one
            number.
        several: `weights` has one more dimension in front: several such sums at once.

    Returns:
        `(rows, hidden)` in the layout's order; with `several`, that for each sum. The graph is kept.
    """
    found = torch.autograd.grad(
        of, steps, weights, retain_graph=True, is_grads_batched=several, allow_unused=True, materialize_grads=True
    )
    return torch.cat(found, 1 if several else 0)


def _run(
    cell: str, inputs: Tensor, layout: Layout, weights: Weights, through_cell_alone: bool, direction: str
) -> LayerTrace:
    """One layer in one direction, from a zero state."""
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    projected = inputs @ weight_ih.T + bias_ih
    backward = bool(direction)
    nothing = inputs.new_zeros(layout.n_sequences, weight_hh.shape[1])
    h = c = nothing
    found: list[_Step] = []
    steps = list(zip(layout.starts.tolist(), layout.batch_sizes.tolist(), strict=True))
    for start, size in reversed(steps) if backward else steps:
        # Longest first. Forwards, sequences end and leave at the bottom; backwards, they join there from a zero state.
        h, c = _sized(h, size, nothing), _sized(c, size, nothing)
        read = h.detach() if through_cell_alone else h
        h, c, gates = _CELLS[cell](projected[start : start + size], read @ weight_hh.T + bias_hh, h, c)
        found.append((h, c, gates))
    if backward:
        found.reverse()
    hidden_steps = [step[0] for step in found]
    cell_steps = [step[1] for step in found] if cell == "lstm" else None
    return LayerTrace(
        {name: torch.cat([step[2][k] for step in found]) for k, name in enumerate(GATES[cell])},
        torch.cat(cell_steps) if cell_steps else None,
        torch.cat(hidden_steps),
        hidden_steps,
        cell_steps,
    )


def _sized(state: Tensor, size: int, nothing: Tensor) -> Tensor:
    n = len(state)
    if size == n:
        return state
    return state[:size] if size < n else torch.cat([state, nothing[n:size]])


def _lstm(x: Tensor, r: Tensor, h: Tensor, c: Tensor) -> _Step:
    """Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000; gates in torch's order (i f g o)."""
    i, f, g, o = (x + r).chunk(4, 1)
    i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
    cell = f * c + i * g
    return o * torch.tanh(cell), cell, (i, f, o, g)


def _gru(x: Tensor, r: Tensor, h: Tensor, c: Tensor) -> _Step:
    """Cho et al. 2014 as torch computes it: the reset gate acts behind the product; gates in torch's order (r z n)."""
    (x_r, x_z, x_n), (h_r, h_z, h_n) = x.chunk(3, 1), r.chunk(3, 1)
    reset, update = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    new = torch.tanh(x_n + reset * h_n)
    return (1 - update) * new + update * h, c, (reset, update, new)


def _rnn(x: Tensor, r: Tensor, h: Tensor, c: Tensor) -> _Step:
    """Elman 1990, tanh."""
    return torch.tanh(x + r), c, ()


_CELLS: dict[str, Callable[[Tensor, Tensor, Tensor, Tensor], _Step]] = {
    "lstm": _lstm, "gru": _gru, "rnn": _rnn,
}  # fmt: skip


def difference_from_engine(
    ours: Float[np.ndarray, "*rows classes"], engines: Float[np.ndarray, "*rows classes"], engine: str
) -> float:
    """The largest difference of a probability between a trace and the engine that a run was trained and scored by.

    Args:
        ours: probabilities by the trace.
        engines: by the engine.
        engine: its name.

    Raises:
        LstmkitError: it is beyond float32's rounding, so that what was traced is another network.
    """
    difference = float(np.abs(ours - engines).max())
    if not difference < ENGINE_WITHIN:
        raise LstmkitError(
            f"the instrumented network is {difference:.1e} off the engine {engine}, at most {ENGINE_WITHIN:.0e} is "
            "rounding; lstmkit doctor checks the engine"
        )
    return float(f"{difference:.2g}")
