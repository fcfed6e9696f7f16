"""How good forecasts are: measures, intervals that know that windows overlap, and plain rules beside them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from lstmkit.data.cutting import CutPanel
from lstmkit.data.windows import Base, WindowEncoder, Windows
from lstmkit.evaluate.statistics import with_width
from lstmkit.models.quantiles import QUANTILES

MEASURES = ("mase", "smape", "rmse", "quantile_loss", "coverage")
_N_RESAMPLES = 2_000
_BLOCKS_AT_ONCE = 100_000  # drawn; about 6 MB
_FEW_SERIES = 10  # fewer are not resampled as a whole: the interval then speaks of these series
_BASELINES: Mapping[str, Base] = {"naive": "last", "seasonal_naive": "season"}


@dataclass(frozen=True)
class Scoring:
    """What forecasts of the same windows are scored against.

    Attributes:
        truth: NaN where a value is missing.
        scale: of each window: what the seasonal-naive forecast errs on average one season ahead in the training part of
            its series (Hyndman and Koehler 2006).
        series: the number of each window's series.
        horizon: steps of a forecast: of so many neighbouring windows each shares a step with the next.
    """

    truth: Float[np.ndarray, "windows horizon"]
    scale: Float[np.ndarray, " windows"]
    series: Int[np.ndarray, " windows"]
    horizon: int

    def measures(self, quantiles: Float[np.ndarray, "windows horizon quantiles"], seed: int) -> dict[str, Any]:
        """Each of `MEASURES`, its 95% interval as `NAME_ci95`, and `by_step`, lists with a value for each step ahead.

        The intervals are None where there is none to be had: where the windows of each of a few series all share steps,
        or a measure is the same in every draw.

        MASE: mean absolute error of the median, in `scale`. sMAPE in percent, 0 to 200. RMSE of the median and quantile
        loss (the mean of the pinball losses of `QUANTILES`) in the units of the series. Coverage: the share of values
        between the outer quantiles, 80% if they are right.

        Args:
            quantiles: rising.
            seed: decides the bootstrap's draws.
        """
        terms, there = self._terms(quantiles)
        overall = _measures(terms.sum((0, 1)), there.sum())
        bounds = dict.fromkeys(MEASURES, None)
        if self._can_be_resampled:
            low, high = np.quantile(self._resampled(terms, there, seed), [0.025, 0.975], axis=0)
            bounds = {name: _listed(low[k], high[k]) for k, name in enumerate(MEASURES)}
        by_step = _measures(terms.sum(0), np.maximum(there.sum(0), 1))
        return {
            **{name: float(overall[k]) for k, name in enumerate(MEASURES)},
            **{f"{name}_ci95": interval for name, interval in bounds.items()},
            "by_step": {name: by_step[:, k].tolist() for k, name in enumerate(MEASURES)},
        }

    def mase_difference(
        self,
        quantiles: Float[np.ndarray, "windows horizon quantiles"],
        others: Float[np.ndarray, "windows horizon quantiles"],
        seed: int,
    ) -> tuple[float, list[float] | None]:
        """The one's MASE minus the other's, and its 95% interval, if it can be had: both are drawn together."""
        (terms, there), (other_terms, _) = self._terms(quantiles), self._terms(others)
        difference = float((terms[..., 0] - other_terms[..., 0]).sum() / there.sum())
        if not self._can_be_resampled:
            return difference, None
        drawn = self._resampled(terms, there, seed)[:, 0] - self._resampled(other_terms, there, seed)[:, 0]
        return difference, _listed(*np.quantile(drawn, [0.025, 0.975]))

    @property
    def n_spans(self) -> int:
        """About how many stretches of the windows share no step: what an interval really rests on."""
        return int(sum(-(-n // self.horizon) for n in np.bincount(self.series) if n))

    @property
    def _can_be_resampled(self) -> bool:
        """Whether draws differ: some series has windows that share no step, or there are series enough to draw from."""
        n_series = len(np.unique(self.series))
        return n_series >= _FEW_SERIES or self.n_spans > n_series

    def _terms(self, quantiles: np.ndarray) -> tuple[Float[np.ndarray, "windows horizon 5"], np.ndarray]:
        """What each measure is the mean of (for RMSE, of the square), 0 where the truth is missing; and where it is."""
        there = ~np.isnan(self.truth)
        truth = np.where(there, self.truth, 0.0)
        median = quantiles[..., QUANTILES.index(0.5)]
        error = np.abs(truth - median)
        size = np.abs(truth) + np.abs(median)
        signed = truth[..., None] - quantiles
        levels = np.array(QUANTILES)
        terms = [
            error / self.scale[:, None],
            np.divide(200 * error, size, out=np.zeros_like(error), where=size > 0),
            error**2,
            np.maximum(levels * signed, (levels - 1) * signed).mean(2),
            (quantiles[..., 0] <= truth) & (truth <= quantiles[..., -1]),
        ]
        return np.stack([np.where(there, term, 0.0) for term in terms], 2), there.astype(np.float64)

    def _resampled(self, terms: np.ndarray, there: np.ndarray, seed: int) -> Float[np.ndarray, "resamples 5"]:
        """The measures of drawn windows, in blocks of neighbours, since these share steps (Politis and Romano 1992)."""
        random = np.random.default_rng(seed)
        sums, counts = terms.sum(1), there.sum(1)
        numbers = np.unique(self.series)
        drawn = np.empty((len(numbers), _N_RESAMPLES, terms.shape[2] + 1))
        for place, number in enumerate(numbers):
            own = np.flatnonzero(self.series == number)
            length = min(self.horizon, len(own))
            columns = np.concatenate([sums[own], counts[own, None]], 1)
            around = np.concatenate([np.zeros((1, columns.shape[1])), np.cumsum(np.concatenate([columns, columns]), 0)])
            blocks = around[length : length + len(own)] - around[: len(own)]
            n_blocks = -(-len(own) // length)
            n_at_once = max(1, _BLOCKS_AT_ONCE // n_blocks)
            for first in range(0, _N_RESAMPLES, n_at_once):  # the same draws, however many are held at once
                rows = drawn[place, first : first + n_at_once]
                rows[:] = blocks[random.integers(len(own), size=(len(rows), n_blocks))].sum(1)
        total, resamples = np.zeros(drawn.shape[1:]), np.arange(_N_RESAMPLES)
        are_drawn = len(drawn) >= _FEW_SERIES
        for own in drawn:
            total += drawn[random.integers(len(drawn), size=_N_RESAMPLES), resamples] if are_drawn else own
        return _measures(total[:, :-1], np.maximum(total[:, -1], 1))


def scoring_of(data: CutPanel, windows: Windows) -> Scoring:
    """What forecasts of these windows are scored against; where there is no training part, the whole series scales."""
    scales = []
    for series in data.panel.series:
        end = data.cut.ends(len(series))["train"][1]
        scales.append(naive_error(series.values[: end if end > 0 else None, 0], data.encoder.season))
    return Scoring(windows.truth, np.array(scales)[windows.series], windows.series, data.cut.horizon)


def naive_error(target: Float[np.ndarray, " time"], season: int) -> float:
    """Mean absolute difference of a training part's values a season apart; a step apart where none differ so."""
    for lag in (season, 1):
        differences = np.abs(target[lag:] - target[:-lag])
        if (~np.isnan(differences)).any() and (error := float(np.nanmean(differences))) > 0:
            return error
    return 1.0  # a series with single values and gaps between: errors are then in its own units


def baseline_quantiles(
    trained: CutPanel, data: CutPanel, windows: Windows
) -> dict[str, Float[np.ndarray, "windows horizon quantiles"]]:
    """Forecasts of the naive and, where there is a season, the seasonal-naive rule.

    The rule's value is the median; the outer quantiles are those of the rule's own errors in training, at each step
    ahead, in the scale of the window.

    Args:
        trained: has the training part.
        data: what the windows were cut from.
        windows: are answered.
    """
    found = {}
    for name, base in _BASELINES.items():
        if base == "season" and trained.encoder.season == 1:
            continue
        rule = replace(trained, encoder=replace(trained.encoder, base=base))
        errors = rule.windows("train").part.labels
        there = ~np.isnan(errors)
        if not there.any():
            continue  # no value of the training part has a season before it
        # A step ahead that no value of the training part was has the errors of all.
        by_step = [errors[own, k] if own.any() else errors[there] for k, own in enumerate(there.T)]
        told = _again(rule.encoder, data, windows)
        outer = np.array([[np.quantile(own, level) for level in QUANTILES] for own in by_step])
        outer[:, QUANTILES.index(0.5)] = 0.0
        found[name] = told.values(np.broadcast_to(np.sort(outer, 1), (len(told), *outer.shape)))
    return found


def _again(encoder: WindowEncoder, data: CutPanel, windows: Windows) -> Windows:
    """The same windows as another encoder has them."""
    series = [one.values for one in data.panel.series]
    return encoder.windows(series, [windows.origins[windows.series == k].tolist() for k in range(len(series))])


def _measures(sums: Float[np.ndarray, "... 5"], counts: Any) -> Float[np.ndarray, "... 5"]:
    means = sums / np.asarray(counts)[..., None]
    means[..., MEASURES.index("rmse")] = np.sqrt(means[..., MEASURES.index("rmse")])
    return means


def _listed(low: float, high: float) -> list[float] | None:
    found = with_width(float(low), float(high))
    return list(found) if found else None


def verdict(evaluation: Mapping[str, Any]) -> str:
    """In a sentence, whether the network beats the seasonal-naive forecast, or without a season the naive one."""
    other = evaluation["against"]
    name = {"seasonal_naive": "seasonal-naive", "naive": "naive"}[other]
    worse = evaluation["mase_difference"]
    beats = worse < 0
    by = f"{'beats it' if beats else 'does NOT beat it: it is worse'} by {abs(worse):.3f}"
    if not worse:
        by = "does NOT beat it: it errs as much"
    if (found := evaluation["mase_difference_ci95"]) and (ends := with_width(*found)):
        # Of the difference as the words have it: how much better, or how much worse.
        low, high = (-ends[1], -ends[0]) if beats else ends
        sure = "" if low > 0 else "; the interval holds 0, so that this is not shown for other spans"
        bounds = f" (95% interval {low:+.3f} to {high:+.3f}){sure}"
    else:
        bounds = ": there is no interval, as nothing varies between spans, and nothing is shown for other spans"
        if evaluation.get("n_spans", 1) <= evaluation.get("n_series", 1):
            bounds = ", over windows that all share steps: there is no interval, and nothing is shown for other spans"
    return (
        f"By MASE the network ({evaluation['mase']:.3f}) against the {name} forecast "
        f"({evaluation['baselines'][other]['mase']:.3f}): it {by}{bounds}."
    )
