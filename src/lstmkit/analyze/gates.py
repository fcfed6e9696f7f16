"""What the gates of a network do over examples: how long units hold, how often gates are shut, what drives them."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from lstmkit.analyze.curves import significant
from lstmkit.analyze.traced import LayerTrace, trace
from lstmkit.data.batching import batch_of, sorted_batches
from lstmkit.data.encoded import EncodedPart
from lstmkit.models import Classifier

SHUT_BELOW, OPEN_ABOVE = 0.1, 0.9
"""A gate is left-saturated below the one and right-saturated above the other (Karpathy et al. 2015, section 4.2)."""

SIGMOIDS = {"lstm": ("i", "f", "o"), "gru": ("r", "z"), "rnn": ()}
HOLDS = {"lstm": "f", "gru": "z"}
"""The gate that multiplies what a unit held: the LSTM's forget gate, the GRU's update gate."""

FEWEST_OCCURRENCES = 3
"""Times that a token must occur in the examples to be named as what drives a unit."""

HIGH = 1.0
"""From how many deviations on a feature of a series counts as high, and below the negative of it as low."""

N_UNITS, N_TOKENS = 4, 6
_BATCH = 32


@dataclass
class Gates:
    """Sums over the steps of one layer in one direction.

    Attributes:
        n_rows: steps.
        log_holds: sum of ln of the gate that holds, by unit.
        low, high: by gate and unit, how often it was shut and how often open.
        total: by gate and unit, the sum of its values.
        holds_by_token, writes_by_token: `(tokens, hidden)`, sums over a token's steps of the gate that holds and of
            what was written (LSTM: i·g; GRU: (1 - z)·n).
    """

    n_rows: int = 0
    log_holds: Tensor = field(default_factory=lambda: torch.zeros(0))
    low: dict[str, Tensor] = field(default_factory=dict)
    high: dict[str, Tensor] = field(default_factory=dict)
    total: dict[str, Tensor] = field(default_factory=dict)
    holds_by_token: Tensor = field(default_factory=lambda: torch.zeros(0))
    writes_by_token: Tensor = field(default_factory=lambda: torch.zeros(0))


@dataclass(frozen=True)
class Reading:
    """All layers and directions of a network, and the tokens that were read.

    Attributes:
        layers: by layer, lowest first, then by direction.
        tokens: the distinct tokens, int64 `(tokens,)`; row k of the sums by token is that of `tokens[k]`.
        counts: how often each occurs.
    """

    layers: list[list[Gates]]
    tokens: Int[np.ndarray, " tokens"]
    counts: Int[np.ndarray, " tokens"]


def read_gates(
    network: Classifier,
    part: EncodedPart,
    chosen: Int[np.ndarray, " examples"],
    progress: Callable[[int], None] | None = None,
) -> Reading:
    """Run a network over examples, in float64, and sum what its gates do.

    Args:
        network: an LSTM or a GRU; left as it is.
        part: the examples.
        chosen: which of them.
        progress: told how many examples are done.

    Raises:
        ValueError: the network is a plain RNN, which has no gates.
    """
    cell = network.recurrence.cell
    if cell not in HOLDS:
        raise ValueError(f"a plain {cell} has no gates; lstm and gru have")
    network = copy.deepcopy(network).to("cpu", torch.float64).eval()
    every = np.concatenate([part.rows[part.offsets[k] : part.offsets[k + 1]] for k in chosen.tolist()])
    tokens, counts = _inputs_in(every)
    hidden = network.recurrence.hidden_size
    layers = [
        [_empty(cell, hidden, len(tokens)) for _ in network.recurrence._directions]
        for _ in range(network.recurrence.num_layers)
    ]
    n_done = 0
    with torch.no_grad():
        for places in sorted_batches(part.lengths[chosen], _BATCH):
            batch = batch_of(part, chosen[places])
            inputs = _Inputs.of(batch.rows, tokens)
            for own, sums in zip(trace(network, batch).layers, layers, strict=True):
                for one, into in zip(own, sums, strict=True):
                    _add(into, one, cell, inputs)
            n_done += len(places)
            if progress:
                progress(n_done)
    return Reading(layers, tokens.astype(np.int64), counts)


def _inputs_in(rows: np.ndarray) -> tuple[np.ndarray, Int[np.ndarray, " inputs"]]:
    """The inputs that may drive a unit, and in how many steps each occurs.

    Of token numbers these are the tokens. Of numeric rows they are numbered too: k is that feature k is `HIGH` or more,
    and behind those, in the same order, that it is `-HIGH` or less; several may hold in one step.
    """
    if rows.ndim == 1:
        return np.unique(rows, return_counts=True)
    counts = np.concatenate([(rows >= HIGH).sum(0), (rows <= -HIGH).sum(0)])
    return np.arange(len(counts)), counts


@dataclass(frozen=True)
class _Inputs:
    """Which inputs each row of a batch has: one token, or some of a series' events."""

    numbers: Tensor | None
    events: Tensor | None

    @classmethod
    def of(cls, rows: Tensor, tokens: np.ndarray) -> "_Inputs":
        if rows.ndim == 1:
            return cls(torch.from_numpy(np.searchsorted(tokens, rows.numpy())), None)
        return cls(None, torch.cat([rows >= HIGH, rows <= -HIGH], 1).double())

    def add_by_input(self, sums: Float[Tensor, "inputs hidden"], values: Float[Tensor, "rows hidden"]) -> None:
        if self.numbers is not None:
            sums.index_add_(0, self.numbers, values)
        elif self.events is not None:
            sums += self.events.T @ values


def time_constants(gates: Gates) -> Float[np.ndarray, " hidden"]:
    """Each unit's time constant in steps, -1 / mean ln f: after as many steps, 1/e of what it held is left.

    The mean is of the logarithm, for over n steps the gates' product is exp(n · mean ln f). Infinite where the gate was
    never below 1 in float64; 0 where it was 0.
    """
    with np.errstate(divide="ignore"):
        return 1.0 / np.abs(gates.log_holds.numpy() / gates.n_rows)  # ln f is never above 0


def summary(gates: Gates) -> dict[str, Any]:
    """What `analysis.json` keeps of each unit: its time constant (None: infinite), each gate's mean and saturation."""
    constants = time_constants(gates).tolist()
    return {
        "time_constants": [significant(value) if np.isfinite(value) else None for value in constants],
        "saturation": {
            name: {
                "low": _shares(gates.low[name], gates.n_rows),
                "high": _shares(gates.high[name], gates.n_rows),
                "mean": _shares(gates.total[name], gates.n_rows),
            }
            for name in gates.low
        },
    }


def extremes(reading: Reading, gates: Gates, name_of: Callable[[int], str]) -> dict[str, list[dict[str, Any]]]:
    """The units with the longest and the shortest time constants, and the tokens that drive them.

    Args:
        reading: what `gates` is of.
        gates: one layer in one direction.
        name_of: a token's text.

    Returns:
        `retentive` and `forgetful`, each a list of units: `unit`, `time_constant` (None: infinite), and lists of tokens
        with their mean: `writes_up` and `writes_down` (what is written, where it is highest above 0 and lowest below)
        and `forgets_at` (the gate that holds, where it is lowest). Tokens that occur less than `FEWEST_OCCURRENCES`
        times are left out, unless all do.
    """
    constants = time_constants(gates)
    order = np.argsort(-constants, kind="stable")
    n_units = min(N_UNITS, len(order))
    often = np.flatnonzero(reading.counts >= FEWEST_OCCURRENCES)
    often = often if len(often) else np.arange(len(reading.counts))
    counts = np.maximum(reading.counts[often, None], 1)
    holds = gates.holds_by_token.numpy()[often] / counts
    writes = gates.writes_by_token.numpy()[often] / counts

    def ranked(values: Float[np.ndarray, " tokens"], *, highest: bool = False) -> list[dict[str, Any]]:
        first = np.argsort(-values if highest else values, kind="stable")[:N_TOKENS].tolist()
        means: list[float] = values.tolist()
        return [
            {
                "token": name_of(int(reading.tokens[often[k]])),
                "n": int(counts[k, 0]),
                "value": significant(means[k], 4),
            }
            for k in first
        ]

    def about(unit: int) -> dict[str, Any]:
        constant = float(constants[unit])
        return {
            "unit": unit,
            "time_constant": significant(constant) if np.isfinite(constant) else None,
            "writes_up": [row for row in ranked(writes[:, unit], highest=True) if row["value"] > 0],
            "writes_down": [row for row in ranked(writes[:, unit]) if row["value"] < 0],
            "forgets_at": ranked(holds[:, unit]),
        }

    return {
        "retentive": [about(int(unit)) for unit in order[:n_units]],
        "forgetful": [about(int(unit)) for unit in order[::-1][:n_units]],
    }


def _empty(cell: str, hidden: int, n_tokens: int) -> Gates:
    def zeros(*shape: int) -> Tensor:
        return torch.zeros(*shape, dtype=torch.float64)

    low, high, total = ({name: zeros(hidden) for name in SIGMOIDS[cell]} for _ in range(3))
    return Gates(0, zeros(hidden), low, high, total, zeros(n_tokens, hidden), zeros(n_tokens, hidden))


def _add(into: Gates, own: LayerTrace, cell: str, inputs: "_Inputs") -> None:
    holds = own.gates[HOLDS[cell]]
    written = own.gates["i"] * own.gates["g"] if cell == "lstm" else (1 - own.gates["z"]) * own.gates["n"]
    into.n_rows += len(holds)
    into.log_holds += holds.log().sum(0)
    for name in SIGMOIDS[cell]:
        gate = own.gates[name]
        into.low[name] += (gate < SHUT_BELOW).sum(0)
        into.high[name] += (gate > OPEN_ABOVE).sum(0)
        into.total[name] += gate.sum(0)
    inputs.add_by_input(into.holds_by_token, holds)
    inputs.add_by_input(into.writes_by_token, written)


def _shares(sums: Tensor, n_rows: int) -> list[float]:
    return [significant(value, 4) for value in (sums / n_rows).tolist()]
