"""How far a gradient reaches: norms of derivatives by a state, by its distance from the end of what its layer reads.

Distance 0 is the step that a direction reads last: the last token forwards, the first one backwards. All is computed in
float64, where a gradient that fades by half a step is still there after a thousand steps.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from lstmkit.analyze.traced import LayerTrace, by_step, trace
from lstmkit.data.batching import collate
from lstmkit.data.encoded import EncodedPart
from lstmkit.models import Classifier
from lstmkit.ragged import Layout, Ragged

Quantity = Literal[
    "loss_by_hidden", "loss_by_cell", "last_by_hidden", "cell_by_cell", "cell_by_cell_alone", "forget_product"
]
LARGEST = 1e300
"""What an overflow of a norm counts as."""

_HELD = 4_000_000  # float64 values of derivatives held at once; four times as many take twice as long

Norms = Float[np.ndarray, "examples lags"]


@dataclass(frozen=True)
class Flow:
    """One layer in one direction.

    Attributes:
        norms: float64 `(examples, lags)` for each quantity; NaN where an example has no such step. For the loss of an
            example (cross-entropy, in nats, without smoothing or class weights) the Euclidean norms of dLoss/dh_t
            (`loss_by_hidden`) and dLoss/dc_t (`loss_by_cell`), by everything that the state goes into. For states the
            norms of Jacobians as `jacobian_norm` has them: of the last hidden state by the hidden state
            (`last_by_hidden`), and of the LSTM's last cell state by its cell state along all paths (`cell_by_cell`),
            along the cell alone, the gates' readings of h held constant (`cell_by_cell_alone`), and as theory has the
            latter, from the forget gates' products (`forget_product`).
    """

    norms: dict[Quantity, Norms]


def measure(
    network: Classifier,
    part: EncodedPart,
    chosen: Int[np.ndarray, " examples"],
    *,
    n_projections: int,
    seed: int,
    progress: Callable[[int], None] | None = None,
) -> list[list[Flow]]:
    """The flow through each layer and direction of a network, in evaluation mode.

    Args:
        network: left as it is; a copy in float64 is run.
        part: the examples, with their labels.
        chosen: which of them.
        n_projections: directions that Jacobians are projected onto, at most the number of units; see `projections`.
        seed: draws the projections.
        progress: told how many examples are done.

    Returns:
        By layer, lowest first, then by direction; rows of the norms are in the order of `chosen`.
    """
    network = copy.deepcopy(network).to("cpu", torch.float64).eval()
    hidden = network.recurrence.hidden_size
    onto = projections(len(chosen), hidden, n_projections, seed)
    lengths = part.lengths[chosen]
    found: list[list[Flow]] = [
        [Flow({}) for _ in network.recurrence._directions] for _ in range(network.recurrence.num_layers)
    ]
    n_done = 0
    for places in _batches(lengths, _HELD // (onto.shape[2] * hidden)):
        batch, labels = collate(part, chosen[places])
        for layer, own in enumerate(_measure_batch(network, batch, labels, onto[places])):
            for direction, quantities in enumerate(own):
                norms = found[layer][direction].norms
                for name, by_row in quantities.items():
                    whole = norms.setdefault(name, np.full((len(chosen), int(lengths.max())), np.nan))
                    whole[places, : int(lengths[places].max())] = by_lag(by_row, batch, backward=direction == 1)
        n_done += len(places)
        if progress:
            progress(n_done)
    return found


def projections(
    n_examples: int, hidden: int, n_projections: int, seed: int
) -> Float[Tensor, "examples hidden projections"]:
    """Random orthonormal directions for each example, scaled so that a Jacobian's projected norm is right on average.

    For a square matrix J of `hidden` rows and `P` of these columns, E‖PᵀJ‖²_F = ‖J‖²_F, and with as many columns as
    rows ‖PᵀJ‖_F = ‖J‖_F exactly (the estimator of Hutchinson 1990, drawn without repetition).
    """
    generator = torch.Generator().manual_seed(seed)
    n = min(n_projections, hidden)
    drawn = torch.randn(n_examples, hidden, n, dtype=torch.float64, generator=generator)
    return torch.linalg.qr(drawn).Q * (hidden / n) ** 0.5


def jacobian_norm(projected: Float[Tensor, "projections rows hidden"]) -> Float[Tensor, " rows"]:
    """‖J‖_F / √hidden of each row's Jacobian, from its projections PᵀJ: 1 for the identity.

    It is the root mean square of ‖J v‖ over directions v of length 1: how much of a small change of a state is left, on
    average over the ways in which it could change.
    """
    return _norm(projected.transpose(0, 1).flatten(1)) / projected.shape[2] ** 0.5


def by_lag(values: Float[Tensor, " rows"], batch: Ragged, *, backward: bool) -> Norms:
    """Values of rows, laid out by example (in the order given) and distance from the end; NaN beyond an example's."""
    layout = batch.layout
    steps = layout.step_of_row
    lags = steps if backward else layout.lengths[layout.sequence_of_row] - 1 - steps
    found = np.full((layout.n_sequences, layout.n_steps), np.nan)
    capped = np.nan_to_num(values.detach().numpy(), nan=LARGEST, posinf=LARGEST)
    found[batch.order[layout.sequence_of_row].numpy(), lags.numpy()] = np.minimum(capped, LARGEST)
    return found


def _batches(lengths: Int[np.ndarray, " examples"], most_rows: int) -> Iterator[Int[np.ndarray, " batch"]]:
    """Places of examples, longest first, in batches of at most so many rows in all (or of one example)."""
    order = np.argsort(-lengths, kind="stable")
    begin = n_rows = 0
    for k, length in enumerate(lengths[order].tolist()):
        if k > begin and n_rows + length > most_rows:
            yield order[begin:k]
            begin, n_rows = k, 0
        n_rows += length
    yield order[begin:]


def _measure_batch(
    network: Classifier, batch: Ragged, labels: Tensor, onto: Tensor
) -> list[list[dict[Quantity, Tensor]]]:
    found, alone = trace(network, batch), trace(network, batch, through_cell_alone=True)
    loss = nn.functional.cross_entropy(found.logits, labels, reduction="sum")  # one example's loss knows no other state
    onto = onto[batch.order].permute(2, 0, 1)  # (projections, batch, hidden), longest sequence first
    layers: list[list[dict[Quantity, Tensor]]] = []
    for layer, directions in enumerate(found.layers):
        layers.append([])
        for direction, own in enumerate(directions):
            rows = found.layout.first_rows if direction == 1 else found.layout.last_rows  # of the step read last
            layers[-1].append(
                _by_hidden(own, loss, rows, onto)
                | _by_cell(own, alone.layers[layer][direction], loss, rows, onto, found.layout, direction == 1)
            )
    return layers


def _by_hidden(own: LayerTrace, loss: Tensor, rows: Tensor, onto: Tensor) -> dict[Quantity, Tensor]:
    return {
        "loss_by_hidden": _norm(by_step(loss, own.hidden_steps)),
        "last_by_hidden": jacobian_norm(by_step(own.hidden[rows], own.hidden_steps, onto, several=True)),
    }


def _by_cell(
    own: LayerTrace, alone: LayerTrace, loss: Tensor, rows: Tensor, onto: Tensor, layout: Layout, backward: bool
) -> dict[Quantity, Tensor]:
    """What only an LSTM has: from the loss and from the last cell state back along the cell states."""
    if own.cell is None or own.cell_steps is None or alone.cell is None or alone.cell_steps is None:
        return {}
    last = alone.cell[rows]
    # Along the cell alone units do not meet: the Jacobian is diagonal, and one sum over the units gives all of it.
    diagonal = by_step(last, alone.cell_steps, torch.ones_like(last))
    products = _products(own.gates["f"].detach(), layout, backward=backward)
    return {
        "loss_by_cell": _norm(by_step(loss, own.cell_steps)),
        "cell_by_cell": jacobian_norm(by_step(own.cell[rows], own.cell_steps, onto, several=True)),
        "cell_by_cell_alone": _norm(diagonal) / last.shape[1] ** 0.5,
        "forget_product": _norm(products) / last.shape[1] ** 0.5,
    }


def _products(forget: Float[Tensor, "rows hidden"], layout: Layout, *, backward: bool) -> Float[Tensor, "rows hidden"]:
    """For each row the product of the forget gates of the steps read after it: theory's dc_last/dc_t, unit by unit."""
    padded = layout.to_padded(forget, fill=1.0)
    ordered = padded if backward else padded.flip(0)
    products = torch.cat([torch.ones_like(ordered[:1]), ordered.cumprod(0)[:-1]])
    return layout.from_padded(products if backward else products.flip(0))


def _norm(values: Float[Tensor, "rows features"]) -> Float[Tensor, " rows"]:
    """Euclidean norms; the squares of values below 1e-154 would vanish, so they are scaled first."""
    largest = values.abs().amax(1)
    scale = torch.where(largest > 0, largest, torch.ones_like(largest))
    return scale * (values / scale[:, None]).norm(dim=1)
