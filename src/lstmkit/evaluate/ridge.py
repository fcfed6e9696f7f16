"""Ridge regression onto classes, for several penalties and sets of columns, over data too large to be held at once."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int
from scipy.linalg import cho_factor, cho_solve

_PANEL = 1_024  # rows of a product made at once: what it needs besides the sum itself stays small


@dataclass(frozen=True)
class Plane:
    """A linear map from features to a score for each class; the largest is the answer."""

    weights: Float64[np.ndarray, "features classes"]
    intercept: Float64[np.ndarray, " classes"]


class Ridge:
    """The sums that ridge regression needs, made once; then a solution for each penalty and range of columns.

    Minimises `|Y - XW - b|^2 + alpha |W|^2` for one-hot `Y`, as scikit-learn's `RidgeClassifier` does (whose targets of
    -1 and 1 give the same answers). Rows are held only where they are few: then `X X'` is solved, otherwise `X' X`.
    Products of blocks are float32, their sum and the solution float64.

    Args:
        blocks: the rows of `X`, in pieces.
        codes: the class of each row, from 0.
        n_classes: how many there are.
        n_features: the columns of `X`.
        hold: keep the rows and solve in as many unknowns as there are rows; otherwise as many as columns.
    """

    def __init__(
        self,
        blocks: Iterable[Float32[np.ndarray, "rows features"]],
        codes: Int[np.ndarray, " n"],
        n_classes: int,
        n_features: int,
        *,
        hold: bool,
    ) -> None:
        targets = np.eye(n_classes)[codes]
        self._mean_target = targets.mean(axis=0)
        self._targets = targets - self._mean_target
        self._rows: Float32[np.ndarray, "n features"] | None = None
        if hold:
            self._rows = np.concatenate(list(blocks))
            self._mean = self._rows.mean(axis=0, dtype=np.float64)
            self._rows -= self._mean.astype(np.float32)
            return
        self._gram = np.zeros((n_features, n_features))  # its lower triangle
        self._products = np.zeros((n_features, n_classes))
        total = np.zeros(n_features)
        done = 0
        for block in blocks:
            add_gram(self._gram, block)
            self._products += block.T @ self._targets[done : done + len(block)].astype(np.float32)
            total += block.sum(axis=0, dtype=np.float64)
            done += len(block)
        self._mean = total / done
        for first in range(0, n_features, _PANEL):  # centred afterwards; blocks come nearly centred, so little cancels
            last = first + _PANEL
            self._gram[first:last, :last] -= np.outer(total[first:last], self._mean[:last])

    def solve(self, columns: slice, alphas: Iterable[float]) -> list[Plane]:
        """The regression on a range of columns, for each penalty; the other columns have weight 0."""
        found = []
        kernel = self._kernel(columns)
        for alpha in alphas:
            penalised = kernel.copy()
            penalised[np.diag_indices_from(penalised)] += alpha
            # LAPACK wants the columns of the triangle together: transposed, the lower one is the upper.
            factor = cho_factor(penalised.T, lower=False, overwrite_a=True, check_finite=False)
            weights = np.zeros((len(self._mean), self._targets.shape[1]))
            if self._rows is None:
                weights[columns] = cho_solve(factor, self._products[columns], check_finite=False)
            else:
                weights[columns] = self._rows[:, columns].T @ cho_solve(factor, self._targets, check_finite=False)
            found.append(Plane(weights, self._mean_target - self._mean @ weights))
        return found

    def _kernel(self, columns: slice) -> Float64[np.ndarray, "m m"]:
        """The matrix to solve, but for the penalty; its lower triangle."""
        if self._rows is None:
            return self._gram[columns, columns]
        kernel = np.zeros((len(self._rows), len(self._rows)))
        held = self._rows[:, columns]
        for first in range(0, held.shape[1], _PANEL):
            add_gram(kernel, held[:, first : first + _PANEL].T)
        return kernel


def add_gram(total: Float64[np.ndarray, "m m"], block: Float32[np.ndarray, "k m"]) -> None:
    """Add `block' block` to the lower triangle of `total`; beside the diagonal the upper one has remnants."""
    for first in range(0, len(total), _PANEL):
        last = first + _PANEL
        total[first:last, :last] += block[:, first:last].T @ block[:, :last]
