"""Faithfulness: does a prediction fall faster when its input is deleted by attribution than at random?"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.integrate import trapezoid

from lstmkit.data.encoded import EncodedPart
from lstmkit.data.encoder import UNKNOWN_ID
from lstmkit.models import Classifier
from lstmkit.models.scoring import probabilities

_POINTS = 21  # 0%, 5%, … 100% of the tokens, or every token of a short sequence
_NUMBERS = 10_000_000  # most numbers of rows made at once: bounds memory


@dataclass(frozen=True)
class Deletion:
    """A class's probability while tokens, or values of a series, are deleted.

    Attributes:
        n_deleted: int64 `(points,)`, from 0 to all.
        ordered: float64 `(points,)`, those that speak most for the class deleted first.
        random: float64 `(orders, points)`, deleted at random.
    """

    n_deleted: Int[np.ndarray, " points"]
    ordered: Float[np.ndarray, " points"]
    random: Float[np.ndarray, "orders points"]

    @property
    def area(self) -> float:
        """Mean height of the random curves above the ordered one, over the share deleted; above 0 is faithful."""
        return float(self._heights(self.random).mean() - self._heights(self.ordered[None])[0])

    @property
    def n_beaten(self) -> int:
        """How many of the random orders keep the probability higher than the order of attribution does."""
        return int((self._heights(self.random) > self._heights(self.ordered[None])[0] + 1e-9).sum())

    @property
    def n_tied(self) -> int:
        """How many of the random orders come to the same area: of few tokens some are the order of attribution."""
        return int(
            np.isclose(self._heights(self.random), self._heights(self.ordered[None])[0], rtol=0, atol=1e-9).sum()
        )

    def _heights(self, curves: np.ndarray) -> np.ndarray:
        return trapezoid(curves, self.n_deleted / self.n_deleted[-1], axis=1)


def deletion_curve(
    network: Classifier,
    rows: Int[np.ndarray, " steps"] | Float[np.ndarray, "steps features"],
    values: Float[np.ndarray, " steps"] | Float[np.ndarray, "steps channels"],
    number: int,
    *,
    channel_of: Int[np.ndarray, " features"] | None = None,
    baseline: Float[np.ndarray, "steps features"] | None = None,
    n_orders: int = 20,
    seed: int = 0,
) -> Deletion:
    """Delete by falling attribution, and at random, and ask for a class's probability each time.

    A deleted token becomes the unknown one; a deleted value of a series, one channel at one step, its channel's
    training mean, with its mask at 0. The others keep their places, which in a sequence of pixels or notes is half of
    what they say, and the end of every curve is the baseline of the attribution.

    Args:
        network: in evaluation mode.
        rows: token numbers of the sequence, or rows of a series as its encoder makes them.
        values: attributions for the class, of the tokens, or of a series by step and channel; equal ones go in the
            order of the sequence.
        number: the class.
        channel_of: of a series, the channel of each feature of a row.
        baseline: of a series, rows of which a deleted value takes its own; None: zeros, as above.
        n_orders: random orders.
        seed: draws them.
    """
    n = values.size
    random = np.random.default_rng(seed)
    orders = [np.argsort(-values, axis=None, kind="stable"), *(random.permutation(n) for _ in range(n_orders))]
    n_deleted = np.unique(np.linspace(0, n, min(n + 1, _POINTS)).round().astype(np.int64))
    at_once = max(1, _NUMBERS // (rows.size * len(n_deleted)))
    is_tokens = channel_of is None
    empty = np.full_like(rows, UNKNOWN_ID) if is_tokens else np.zeros_like(rows) if baseline is None else baseline

    def deleted(places: np.ndarray) -> np.ndarray:
        gone = np.zeros(values.shape, dtype=bool)
        gone.reshape(-1)[places] = True
        return np.where(gone if is_tokens else gone[:, channel_of], empty, rows)

    curves = []
    for k in range(0, len(orders), at_once):
        left = np.stack([deleted(order[:n]) for order in orders[k : k + at_once] for n in n_deleted.tolist()])
        offsets = np.arange(len(left) + 1) * len(rows)
        part = EncodedPart(left.reshape(-1, *rows.shape[1:]), offsets)
        curves.append(probabilities(network, part)[:, number].reshape(-1, len(n_deleted)))
    ordered, *drawn = np.concatenate(curves)
    return Deletion(n_deleted, ordered, np.array(drawn))
