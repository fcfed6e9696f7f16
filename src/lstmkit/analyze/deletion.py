"""Faithfulness: does a prediction fall faster when tokens are deleted by their attribution than at random?"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.integrate import trapezoid

from lstmkit.data.encoded import EncodedPart
from lstmkit.data.encoder import UNKNOWN_ID
from lstmkit.models import Classifier
from lstmkit.models.scoring import probabilities

_POINTS = 21  # 0%, 5%, … 100% of the tokens, or every token of a short sequence


@dataclass(frozen=True)
class Deletion:
    """A class's probability while tokens are deleted.

    Attributes:
        n_deleted: int64 `(points,)`, from 0 to all tokens.
        ordered: float64 `(points,)`, the tokens that speak most for the class deleted first.
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
    tokens: Int[np.ndarray, " tokens"],
    values: Float[np.ndarray, " tokens"],
    number: int,
    *,
    n_orders: int = 20,
    seed: int = 0,
) -> Deletion:
    """Delete tokens by falling attribution, and at random, and ask for a class's probability each time.

    A deleted token becomes the unknown one: the others keep their places, which in a sequence of pixels or notes is
    half of what they say, and the end of every curve is the baseline of the attribution.

    Args:
        network: in evaluation mode.
        tokens: token numbers of the sequence.
        values: attributions of the tokens for the class; equal ones go in the order of the sequence.
        number: the class.
        n_orders: random orders.
        seed: draws them.
    """
    n = len(tokens)
    random = np.random.default_rng(seed)
    orders = [np.argsort(-values, kind="stable"), *(random.permutation(n) for _ in range(n_orders))]
    n_deleted = np.unique(np.linspace(0, n, min(n + 1, _POINTS)).round().astype(np.int64))
    left = np.tile(tokens, (len(orders), len(n_deleted), 1))
    for row, order in zip(left, orders, strict=True):
        for point, k in zip(row, n_deleted.tolist(), strict=True):
            point[order[:k]] = UNKNOWN_ID
    n_sequences = len(orders) * len(n_deleted)
    part = EncodedPart(left.reshape(-1), np.arange(n_sequences + 1) * n, np.zeros(n_sequences, dtype=np.int64))
    curves = probabilities(network, part)[:, number].reshape(len(orders), len(n_deleted))
    return Deletion(n_deleted, curves[0], curves[1:])
