"""Integrated gradients: what each token, or each value of a series, adds to the log-odds of a class."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from lstmkit.core.explained import COMPLETE_WITHIN, LEAST_DIFFERENCE
from lstmkit.data.encoder import UNKNOWN_ID
from lstmkit.models import Classifier
from lstmkit.ragged import Layout, Ragged

MOST_STEPS = 4096
_POINTS = 16  # of a stretch of the path
_NARROWEST = 2.0**-20  # of a stretch: float32 hardly tells its points apart
_ROWS = 65_536  # most rows read at once: bounds memory whatever the length


@dataclass(frozen=True)
class Attribution:
    """Integrated gradients of one sequence, for some of the classes.

    Attributes:
        classes: int64 `(classes,)`, which classes.
        values: float64 `(classes, steps)`; what a token or step adds to the class's log-odds, in nats. Negative: it
            speaks against the class.
        at_input: float64 `(classes,)`, log-odds of the class for the sequence.
        at_baseline: float64 `(classes,)`, log-odds where every step is the baseline.
        n_steps: int64 `(classes,)`, points of the path at which the gradient was taken.
        by_feature: float64 `(classes, steps, features)`, of a series the parts of `values`; None for tokens.
    """

    classes: Int[np.ndarray, " classes"]
    values: Float[np.ndarray, "classes steps"]
    at_input: Float[np.ndarray, " classes"]
    at_baseline: Float[np.ndarray, " classes"]
    n_steps: Int[np.ndarray, " classes"]
    by_feature: Float[np.ndarray, "classes steps features"] | None = None

    @property
    def difference(self) -> Float[np.ndarray, " classes"]:
        """What the attributions of each class sum to when they are complete, in nats."""
        return self.at_input - self.at_baseline

    @property
    def error(self) -> Float[np.ndarray, " classes"]:
        """How far the sum is from the difference, as a share of it (of 0.1 nats where it is smaller)."""
        return np.abs(self.values.sum(1) - self.difference) / np.maximum(np.abs(self.difference), LEAST_DIFFERENCE)

    @property
    def is_complete(self) -> Bool[np.ndarray, " classes"]:
        """Whether the error is within 1% of the difference, or within 0.001 nats where that is more."""
        return self.error <= COMPLETE_WITHIN


def log_odds(logits: Float[Tensor, "batch classes"]) -> Float[Tensor, "batch classes"]:
    """log(p / (1 - p)) of each class, in nats: the logit of its probability, which no shift of all logits changes."""
    n = logits.shape[1]
    own = torch.eye(n, dtype=torch.bool, device=logits.device)
    others = logits.unsqueeze(1).expand(-1, n, -1).masked_fill(own, -torch.inf)
    return logits - others.logsumexp(2)


def integrated_gradients(
    network: Classifier,
    rows: Int[np.ndarray, " steps"] | Float[np.ndarray, "steps features"],
    classes: Sequence[int],
    baseline: Float[np.ndarray, " features"] | Float[np.ndarray, "steps features"] | None = None,
) -> Attribution:
    """Attribute the log-odds of classes to the steps of one sequence (Sundararajan, Taly and Yan 2017).

    The gradient is integrated along a straight line from a baseline to the sequence: of tokens, the line of embeddings
    from as many unknown tokens; of a series, the line of rows from the baseline's. The path is cut into stretches,
    each with 16 points of Gauss-Legendre quadrature. What the gradients of a stretch should sum to is known from its
    ends; stretches that are too far from it are halved, until all errors together are within 1% of the whole
    difference (or 0.001 nats, where that is more), or 4,096 points are used. A recurrent network needs that: along the
    path its state may jump from one attractor to another, within a thousandth of the way.

    Args:
        network: in evaluation mode.
        rows: token numbers of the sequence, or rows of a series as its encoder makes them.
        classes: numbers of the classes to explain.
        baseline: of a series, in the encoder's units; None: zeros, each channel at its training mean and nothing
            missing.
    """
    device = network.head.weight.device
    with torch.no_grad():
        if rows.ndim == 1:
            vectors = network.embed(torch.from_numpy(rows).long().to(device))
            origin = network.embedding.weight[UNKNOWN_ID].expand_as(vectors)
        else:
            vectors = torch.from_numpy(rows).to(network.head.weight)
            origin = torch.from_numpy(np.broadcast_to(0.0 if baseline is None else baseline, rows.shape).copy())
        path = _Path(network, origin.to(vectors), vectors, are_embedded=rows.ndim == 1)
    n_labels = network.head.out_features
    found = [_attribute(path, number) for number in (classes[:1] if n_labels == 2 else classes)]
    if n_labels == 2 and len(classes) == 2:  # the log-odds of one class are those of the other, with the other sign
        values, end, start, n_steps = found[0]
        found.append((-values, -end, -start, n_steps))
    parts = np.stack([each[0] for each in found])
    return Attribution(
        np.array(classes, dtype=np.int64),
        parts.sum(2),
        np.array([each[1] for each in found]),
        np.array([each[2] for each in found]),
        np.array([each[3] for each in found], dtype=np.int64),
        None if rows.ndim == 1 else parts,
    )


def _attribute(path: "_Path", number: int) -> tuple[np.ndarray, float, float, int]:
    """Attributions for one class, its log-odds at both ends, and the points used."""
    stretches = path.integrate([(0.0, 1.0)], number)
    start, end = stretches[0].start, stretches[0].end
    allowed = COMPLETE_WITHIN * max(abs(end - start), LEAST_DIFFERENCE)
    n_steps = _POINTS
    while sum(stretch.error for stretch in stretches) > allowed and n_steps < MOST_STEPS:
        share = allowed / len(stretches)
        rough = [each for each in stretches if each.error > share and each.right - each.left > _NARROWEST]
        # The roughest first, so that what is left of the points goes where it is needed most.
        rough = sorted(rough, key=lambda each: -each.error)[: (MOST_STEPS - n_steps) // (2 * _POINTS)]
        if not rough:
            break
        middles = [((each.left + each.right) / 2, each) for each in rough]
        halves = [half for middle, each in middles for half in ((each.left, middle), (middle, each.right))]
        stretches = [each for each in stretches if each not in rough] + path.integrate(halves, number)
        n_steps += _POINTS * len(halves)
    return np.sum([stretch.values for stretch in stretches], 0), end, start, n_steps


@dataclass(frozen=True, eq=False)
class _Stretch:
    """From `left` to `right` of the path: what each part of a step adds there, and the log-odds at both ends."""

    left: float
    right: float
    values: Float[np.ndarray, "steps parts"]
    start: float
    end: float

    @property
    def error(self) -> float:
        return abs(float(self.values.sum()) - (self.end - self.start))


class _Path:
    """The line from a baseline to a sequence: of embeddings, each a single part, or of rows, a part a feature."""

    def __init__(
        self,
        network: Classifier,
        baseline: Float[Tensor, "steps size"],
        vectors: Float[Tensor, "steps size"],
        *,
        are_embedded: bool,
    ) -> None:
        self.network = network
        self.baseline = baseline
        self.way = vectors - baseline
        self.are_embedded = are_embedded

    def integrate(self, stretches: Sequence[tuple[float, float]], number: int) -> list[_Stretch]:
        """Each stretch by itself, some of them in one batch."""
        at_once = max(1, _ROWS // (len(self.way) * (_POINTS + 2)))
        found: list[_Stretch] = []
        with torch.inference_mode(False), torch.enable_grad():  # whatever the caller is in
            for k in range(0, len(stretches), at_once):
                found += self._integrate(stretches[k : k + at_once], number)
        return found

    def _integrate(self, stretches: Sequence[tuple[float, float]], number: int) -> list[_Stretch]:
        n, length = len(stretches), len(self.way)
        lefts, rights = np.array(stretches).T[..., None]
        # The ends are points too, with no weight.
        points = lefts + (rights - lefts) * _SHARES
        alphas = torch.from_numpy(points.reshape(-1)).to(self.way)
        rows = (self.baseline[:, None, :] + alphas[None, :, None] * self.way[:, None, :]).reshape(-1, self.way.shape[1])
        rows = rows.detach().requires_grad_()
        layout = Layout(torch.full((len(alphas),), length, dtype=torch.int64))
        embedded = rows if self.are_embedded else self.network.embed(rows)
        odds = log_odds(self.network.read_embedded(Ragged(embedded, layout, torch.arange(len(alphas)))))[:, number]
        (gradient,) = torch.autograd.grad(odds.sum(), rows)
        slopes = gradient.view(length, len(alphas), -1) * self.way[:, None, :]
        slopes = (slopes.sum(2, keepdim=True) if self.are_embedded else slopes).double()
        weighted = slopes.view(length, n, len(_SHARES), -1) * torch.from_numpy(_WEIGHTS).to(slopes)[:, None]
        values = weighted.sum(2).cpu().numpy() * (rights - lefts)
        ends = odds.detach().double().cpu().numpy().reshape(n, -1)[:, [0, -1]].tolist()
        return [
            _Stretch(left, right, values[:, k], start, end)
            for k, ((left, right), (start, end)) in enumerate(zip(stretches, ends, strict=True))
        ]


def _quadrature(n_points: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss and Legendre's points on (0, 1) and their weights, with both ends, whose weight is 0."""
    points, weights = np.polynomial.legendre.leggauss(n_points)
    return np.concatenate([[0], (1 + points) / 2, [1]]), np.concatenate([[0], weights / 2, [0]])


_SHARES, _WEIGHTS = _quadrature(_POINTS)
