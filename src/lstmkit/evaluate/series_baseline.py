"""The linear opponent of a network that reads time series: ridge regression on random convolutions and summaries."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Float32
from threadpoolctl import threadpool_limits

from lstmkit.evaluate.baselines import accuracy_of, check_pair, commonest
from lstmkit.evaluate.kernels import Series, fit_kernels
from lstmkit.evaluate.ridge import Plane, Ridge
from lstmkit.evaluate.summaries import summaries

# Of equal accuracy and equal error the first is taken: the stronger penalty.
ALPHA_GRID = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
FEATURE_SETS = ("kernels", "kernels + summaries", "summaries")

_MIDDLE = ("kernels + summaries", 0.1)  # where there is no validation example
_MOST_HELD = 5_000  # training series whose features are held at once; about 200 MB
_BLOCK = 2_048  # series whose features are made at once; about 80 MB

Progress = Callable[[str], None]


def series_baseline(
    train_series: Sequence[Series],
    train_labels: Sequence[str],
    valid_series: Sequence[Series],
    valid_labels: Sequence[str],
    test_series: Sequence[Series],
    test_labels: Sequence[str],
    *,
    seed: int = 0,
    n_kernel_features: int = 10_000,
    refit: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """A ridge classifier on random convolution kernels in the manner of MiniRocket, on summaries, or on both.

    Which features and which penalty is chosen by accuracy on validation, of equals the least squared error; the test
    part is scored once, by the chosen model. Features are standardised on training data and scaled so that each set
    has a mean square of 1 in all; so a penalty means the same for every data set. Equal input gives equal predictions:
    one thread, raw random bits from the seed.

    Args:
        train_series, train_labels: what kernels, scales and coefficients are fitted on; at least one. A series is
            float32 `(time, channels)`, one step or more, channels scaled by the caller, nothing missing.
        valid_series, valid_labels: what features and penalty are chosen on; may be empty.
        test_series, test_labels: what is scored; at least one.
        seed: decides the kernels' channels and which training series give their thresholds.
        n_kernel_features: about how many.
        refit: fit the choice again, kernels and all, on training + validation before the test.
        progress: is told in a line what has just been done.

    Returns:
        `name`, `accuracy`, `accuracy_ci95`, `features` (the set chosen), `alpha`, `grid` (by set, by alpha as text:
        validation accuracy), `valid_accuracy`, `n_features` (of the chosen set), `seed`, `seconds`, `refit`,
        `predictions` (a label for each test series). `alpha`, `features` and `valid_accuracy` are None where there was
        nothing to choose: one class, or (the latter alone) no validation examples.

    Raises:
        ValueError: series and labels differ in number; no training or test examples; a series is empty, not finite, or
            differs in its channels.
    """
    check_pair("training", train_series, train_labels, "series")
    check_pair("test", test_series, test_labels, "series")
    if len(valid_series) != len(valid_labels):
        raise ValueError(
            f"{len(valid_series)} validation series and {len(valid_labels)} labels; one label for each series"
        )
    tell = progress or (lambda _line: None)
    started_s = time.perf_counter()
    grid: dict[str, dict[str, float]] = {}
    chosen: tuple[str, float] | None = None
    model: _Linear | None = None
    with threadpool_limits(1):
        if len(set(train_labels)) > 1:
            model = _Linear(train_series, train_labels, seed, n_kernel_features, tell)
            grid = model.search(valid_series, valid_labels, tell) if len(valid_series) else {}
            chosen = model.chosen
        if refit and len(valid_series) and len({*train_labels, *valid_labels}) > 1:
            series, labels = [*train_series, *valid_series], [*train_labels, *valid_labels]
            chosen = chosen or _MIDDLE
            model = _Linear(series, labels, seed, n_kernel_features, tell)
            model.choose(*chosen)
            tell(f"linear baseline: fitted again on training + validation: {chosen[0]}, alpha {chosen[1]:g}")
        predictions = model.predict(test_series) if model else [commonest(train_labels)] * len(test_series)
    return {
        "name": f"{_NAMES[chosen[0] if chosen else FEATURE_SETS[0]]} + ridge classifier",
        **accuracy_of(predictions, test_labels),
        "features": chosen[0] if chosen else None,
        "alpha": chosen[1] if chosen else None,
        "grid": grid,
        "valid_accuracy": max((value for row in grid.values() for value in row.values()), default=None),
        "n_features": model.n_features if model else 0,
        "seed": seed,
        "seconds": time.perf_counter() - started_s,
        "refit": refit,
        "predictions": predictions,
    }


_NAMES = {
    "kernels": "random convolution kernels (MiniRocket)",
    "kernels + summaries": "random convolution kernels (MiniRocket), summaries",
    "summaries": "summaries of the series",
}


class _Linear:
    """Features fitted to one training part, the sums for all regressions on it, and the one that is chosen."""

    def __init__(
        self, series: Sequence[Series], labels: Sequence[str], seed: int, n_kernel_features: int, tell: Progress
    ) -> None:
        self._classes = sorted(set(labels))
        self._kernels = fit_kernels(series, n_features=n_kernel_features, seed=seed)
        hold = len(series) <= _MOST_HELD
        # Where not all can be held, evenly spaced ones give the scales; the regression takes off the rest of the mean.
        sample = series if hold else [series[k * len(series) // _MOST_HELD] for k in range(_MOST_HELD)]
        raw = np.concatenate(list(self._raw(sample)))
        self._scale(raw)
        n_kernels, n = self._kernels.n_features, len(self._center)
        ranges = (slice(0, n_kernels), slice(0, n), slice(n_kernels, n))
        self._columns: dict[str, slice] = dict(zip(FEATURE_SETS, ranges, strict=True))
        codes = np.array([self._classes.index(label) for label in labels])
        blocks = iter([self._standardise(raw)]) if hold else self._blocks(series)
        self._ridge = Ridge(blocks, codes, len(self._classes), n, hold=hold)
        tell(
            f"linear baseline: {len(series):,} examples, {n_kernels:,} features of kernels, {n - n_kernels:,} summaries"
        )
        self.chosen = _MIDDLE
        self._plane: Plane | None = None

    @property
    def n_features(self) -> int:
        """Of the chosen set."""
        columns = self._columns[self.chosen[0]]
        return columns.stop - columns.start

    def search(self, series: Sequence[Series], labels: Sequence[str], tell: Progress) -> dict[str, dict[str, float]]:
        """Fit every set of features with every penalty, and keep the best on these examples."""
        candidates = [(name, alpha) for name in FEATURE_SETS for alpha in ALPHA_GRID]
        planes = [plane for name in FEATURE_SETS for plane in self._ridge.solve(self._columns[name], ALPHA_GRID)]
        # A label that training never saw is answered by nothing, and has no column to be near to.
        truth = np.array([[label == known for known in self._classes] for label in labels], dtype=np.float64)
        n_right, errors = np.zeros(len(planes)), np.zeros(len(planes))
        first = 0
        for block in self._blocks(series):
            part = truth[first : first + len(block)]
            for k, scores in enumerate(_scores(block, planes)):
                n_right[k] += part[np.arange(len(part)), scores.argmax(axis=1)].sum()
                errors[k] += np.square(scores - part).sum()
            first += len(block)
        best = min(range(len(planes)), key=lambda k: (-n_right[k], errors[k], k))
        self.chosen, self._plane = candidates[best], planes[best]
        grid: dict[str, dict[str, float]] = {name: {} for name in FEATURE_SETS}
        for (name, alpha), count in zip(candidates, n_right, strict=True):
            grid[name][f"{alpha:g}"] = float(count / len(labels))
        for name, row in grid.items():
            tell(f"linear baseline: {name}: at best {max(row.values()):.2%} on validation")
        return grid

    def choose(self, name: str, alpha: float) -> None:
        """Fit one set of features with one penalty."""
        self.chosen = (name, alpha)
        (self._plane,) = self._ridge.solve(self._columns[name], [alpha])

    def predict(self, series: Sequence[Series]) -> list[str]:
        """The class of the largest score; of equals the first by alphabet."""
        if self._plane is None:
            self.choose(*self.chosen)
            return self.predict(series)
        found: list[str] = []
        for block in self._blocks(series):
            found += [self._classes[k] for k in _scores(block, [self._plane])[0].argmax(axis=1)]
        return found

    def _raw(self, series: Sequence[Series]) -> Iterator[Float32[np.ndarray, "rows features"]]:
        for first in range(0, len(series), _BLOCK):
            block = series[first : first + _BLOCK]
            yield np.hstack([self._kernels.transform(block), summaries(block, self._kernels.n_channels)])

    def _scale(self, raw: Float32[np.ndarray, "rows features"]) -> None:
        """Fix what brings each set of features to mean 0 and a mean square of 1 in all."""
        self._center = raw.mean(axis=0, dtype=np.float64).astype(np.float32)
        deviation = raw.std(axis=0, dtype=np.float64)
        deviation[deviation < 1e-6] = 1.0  # a constant stays one
        n_kernels = self._kernels.n_features
        deviation[:n_kernels] *= n_kernels**0.5
        deviation[n_kernels:] *= (len(deviation) - n_kernels) ** 0.5
        self._divisor = deviation.astype(np.float32)

    def _blocks(self, series: Sequence[Series]) -> Iterator[Float32[np.ndarray, "rows features"]]:
        return map(self._standardise, self._raw(series))

    def _standardise(self, raw: Float32[np.ndarray, "rows features"]) -> Float32[np.ndarray, "rows features"]:
        """In place."""
        raw -= self._center
        raw /= self._divisor
        return raw


def _scores(
    block: Float32[np.ndarray, "rows features"], planes: Sequence[Plane]
) -> list[Float[np.ndarray, "rows classes"]]:
    """The scores of the rows by each plane, in one product."""
    stacked = np.hstack([plane.weights for plane in planes]).astype(np.float32)
    intercepts = np.concatenate([plane.intercept for plane in planes])
    return np.split(block @ stacked + intercepts, len(planes), axis=1)
