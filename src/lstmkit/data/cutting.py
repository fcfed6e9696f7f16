"""A panel cut by time, and the window encoder fitted to its training part: nothing later is looked at."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float

from lstmkit.config.schema import DataConfig, TaskConfig
from lstmkit.core.errors import DataError, RequestError
from lstmkit.data.series import filled
from lstmkit.data.sources.calendar import calendar_of
from lstmkit.data.sources.channels import few
from lstmkit.data.sources.dates import TimeForm
from lstmkit.data.sources.panel import Panel, Timed
from lstmkit.data.windows import BASES, Base, WindowEncoder, Windows

_MOST_WINDOWS = 50_000  # of a part: beyond it, origins are taken every second step, every third, …
_LEAST_CONTEXT = 16
_SEASON_CORRELATION = 0.3  # of the training part with itself a season later, its trend taken off
_NAMES: Mapping[Base, str] = {"last": "the last value", "season": "the season before", "mean": "the context's mean"}


@dataclass(frozen=True)
class Cut:
    """Where validation and test begin: the last steps of every series, as many in each.

    Attributes:
        horizon: steps of a forecast.
        n_valid, n_test: steps of the two parts, each at least `horizon`.
        least_read: steps before any origin at least, whatever the encoder needs.
    """

    horizon: int
    n_valid: int
    n_test: int
    least_read: int = 0

    def ends(self, n_steps: int) -> dict[str, tuple[int, int]]:
        """The first and the last step, one past it, of what each part may predict."""
        test = n_steps - self.n_test
        valid = test - self.n_valid
        return {"train": (0, valid), "valid": (valid, test), "refit": (0, test), "test": (test, n_steps)}

    def origins(self, n_steps: int, part: str, least_context: int) -> range:
        """Origins whose whole horizon lies in a part: the last steps read, counted from 0."""
        first, end = self.ends(n_steps)[part]
        return range(max(first, least_context, self.least_read) - 1, end - self.horizon)


@dataclass(frozen=True, eq=False)
class CutPanel:
    """A panel, its cut, and the encoder fitted to its training part.

    Attributes:
        panel: the series that are used.
        cut: by time.
        encoder: fitted on training steps alone.
        decisions: what was decided, one line each.
    """

    panel: Panel
    cut: Cut
    encoder: WindowEncoder
    decisions: Sequence[str]

    @cached_property
    def strides(self) -> dict[str, int]:
        """How many steps lie between two origins of a part."""
        lengths = [len(series) for series in self.panel.series]
        return {
            part: max(
                1, -(-sum(len(self.cut.origins(n, part, self.encoder.least_context)) for n in lengths) // _MOST_WINDOWS)
            )
            for part in ("train", "valid", "refit", "test")
        }

    def origins(self, part: str) -> list[list[int]]:
        """Of each series the origins of a part after which a value to predict is known."""
        least, stride, horizon = self.encoder.least_context, self.strides[part], self.cut.horizon
        return [
            [
                origin
                for origin in self.cut.origins(len(series), part, least)[::stride]
                if not np.isnan(series.values[origin + 1 : origin + 1 + horizon, 0]).all()
            ]
            for series in self.panel.series
        ]

    def n_windows(self, part: str) -> int:
        """How many windows a part has."""
        return sum(map(len, self.origins(part)))

    def windows(self, part: str) -> Windows:
        """The windows of `train`, `valid`, `test`, or `refit`, which is the first two and those between."""
        series = [one.values for one in self.panel.series]
        if part == "train" or part == "refit":
            end = self.cut.ends
            series = [values[: end(len(values))[part][1]] for values in series]  # what comes later does not exist
        return self.encoder.windows(series, self.origins(part))


def cut_panel(panel: Panel, task: TaskConfig, data: DataConfig, has_test: bool = True) -> CutPanel:
    """Cut a panel by time and fit the encoder to what comes first.

    Args:
        panel: as it was read.
        task: horizon, season, context, base, and covariates known ahead.
        data: the fractions of the parts, and what to do with a series that cannot be used.
        has_test: whether there is a test part.

    Raises:
        RequestError: there is no horizon, a name in `task.known_ahead` is no covariate, or the season is longer than
            the training part.
        DataError: a series is too short for the horizon, or does not change in its training part.
    """
    if not task.horizon:
        raise RequestError(
            "task.horizon = 0: a forecast looks 1 or more steps ahead; say how many with --horizon H, from Python with "
            "horizon=H"
        )
    cut = _cut_of(panel, task.horizon, data, has_test)
    panel = _usable(panel, cut, data)
    training = [series.values[: cut.ends(len(series))["train"][1]] for series in panel.series]
    season, how_season = _season(panel.series, training, task, cut, panel.form)
    longest = max(len(values) for values in training)
    context = task.context or min(longest - task.horizon, max(_LEAST_CONTEXT, 2 * season, 2 * task.horizon))
    values = np.concatenate(training)
    there = np.flatnonzero(~np.isnan(values).all(0))
    means, deviations = np.zeros(len(panel.columns)), np.zeros(len(panel.columns))
    known = values[:, there] if len(there) < len(panel.columns) else values
    means[there], deviations[there] = np.nanmean(known, axis=0), np.nanstd(known, axis=0)
    varies = deviations > 1e-7 * np.maximum(np.abs(means), 1e-30)  # rounding leaves a constant some 1e-8 of its size
    encoder = WindowEncoder(
        columns=panel.columns,
        known_ahead=_known_ahead(panel, task),
        horizon=task.horizon,
        context=max(context, season if season <= longest - task.horizon else 2),
        season=season,
        base="last",
        means=tuple(means.tolist()),
        deviations=tuple(np.where(varies, deviations, 1.0).tolist()),
        masked=tuple(np.flatnonzero(np.isnan(values).any(0)).tolist()),
    )
    base, how_base = _base(encoder, training, task, cut)
    encoder = replace(encoder, base=base)
    found = CutPanel(panel, cut, encoder, ())
    decisions = [
        f"cut by time: of each series the last {cut.n_test} steps are the test part, the {cut.n_valid} before "
        "them validation",
        f"season: {how_season}; read before a forecast: up to {encoder.context} steps",
        f"what the network corrects: {how_base}",
    ]
    if absent := [name for k, name in enumerate(panel.columns) if k not in there]:
        decisions.append(f"no value in the training part, so that nothing is learned from it: {few(absent)}")
    if found.strides["train"] > 1:
        decisions.append(
            f"origins: every {found.strides['train']} steps, so that they are not more than {_MOST_WINDOWS:,}"
        )
    return replace(found, decisions=decisions)


def season_of(panel: Panel, task: TaskConfig, data: DataConfig) -> tuple[int, str]:
    """Return the steps of the season that training would take, 1 for none, and why.

    Args:
        panel: as it was read.
        task: horizon and season; a horizon of 0 is read as 1.
        data: the fractions of the parts.
    """
    if task.season:
        return task.season, f"{task.season} steps, as asked" if task.season > 1 else "none, as asked"
    cut = _cut_of(panel, task.horizon or 1, data)
    long = [series for series in panel.series if len(series) > cut.n_valid + cut.n_test + cut.horizon + 1]
    if not long:
        return 1, "none, as all series are too short to learn from"
    training = [series.values[: cut.ends(len(series))["train"][1]] for series in long]
    return _season(long, training, task.model_copy(update={"horizon": cut.horizon}), cut, panel.form)


def _cut_of(panel: Panel, horizon: int, data: DataConfig, has_test: bool = True) -> Cut:
    typical = int(np.median([len(series) for series in panel.series]))
    n_test = max(horizon, round(data.test_fraction * typical)) if has_test else 0
    return Cut(horizon, max(horizon, round(data.valid_fraction * (typical - n_test))), n_test)


def check_known(data: CutPanel, parts: Sequence[str]) -> None:
    """See that each of some parts has a value to forecast.

    Raises:
        DataError: one has none.
    """
    for part in parts:
        if not data.n_windows(part):
            raise DataError(
                f"{data.panel.name}: no value of {data.panel.columns[0]!r} is known in the {part} part that could be "
                "forecast; give longer series"
            )


def _usable(panel: Panel, cut: Cut, data: DataConfig) -> Panel:
    """The series that can be cut and learned from.

    Raises:
        DataError: one cannot, and is not to be skipped; or none can.
    """
    needed = 2 + cut.horizon + cut.n_valid + cut.n_test
    faults: dict[str, str] = {}
    for series in panel.series:
        if len(series) < needed:
            faults[series.name] = (
                f"has {len(series)} steps; a horizon of {cut.horizon} needs {needed} or more ({cut.n_test} for test, "
                f"{cut.n_valid} for validation, the horizon, and 2 to go on); give a shorter horizon or longer series"
            )
        elif np.unique(known := _known(series.values[: cut.ends(len(series))["train"][1], 0])).size < 2:
            what = f"is {known[0]:g} throughout" if len(known) else "has no value"
            faults[series.name] = f"{what} in its training part; there is nothing to learn"
    return panel.without(faults, data.on_bad_row == "skip")


def _known(values: Float[np.ndarray, " steps"]) -> Float[np.ndarray, " known"]:
    return values[~np.isnan(values)]


def _known_ahead(panel: Panel, task: TaskConfig) -> tuple[int, ...]:
    names = [name.strip() for name in task.known_ahead.split(",") if name.strip()]
    for name in names:
        if name not in panel.columns[1:]:
            there = ", ".join(panel.columns[1:]) or "none"
            raise RequestError(f"task.known_ahead = {name!r}: no covariate; there are {there}; name some of them")
    return tuple(panel.columns.index(name) for name in names)


def _season(
    series: Sequence[Timed],
    training: Sequence[Float[np.ndarray, "time columns"]],
    task: TaskConfig,
    cut: Cut,
    form: TimeForm,
) -> tuple[int, str]:
    shortest = min(len(values) for values in training) - task.horizon
    if task.season > shortest:
        raise RequestError(
            f"task.season = {task.season}: longer than what the training part of the shortest series has before a "
            f"forecast ({shortest} steps); give a shorter one, or 1 for none"
        )
    if task.season:
        return task.season, f"{task.season} steps, as asked" if task.season > 1 else "none, as asked"
    longest = max(series, key=len)
    calendar = calendar_of(longest.times[: cut.ends(len(longest))["train"][1]], form)
    rule = f" ({calendar.words})" if calendar.words else ""
    if 1 < calendar.season <= shortest:
        return calendar.season, f"{calendar.season} steps, by the calendar{rule}"
    beyond = ""
    if calendar.season > 1:
        beyond = (
            f"; the {calendar.season} of the calendar{rule} are more than the {max(0, shortest)} steps to learn from"
        )
    found, correlation = _season_within([values[:, 0] for values in training], shortest)
    if found == 1:
        return 1, f"none found in the training part{beyond}"
    return found, f"{found} steps, found in the training part (correlation {correlation:.2f}){beyond}"


def _season_within(targets: Sequence[Float[np.ndarray, " time"]], most: int) -> tuple[int, float]:
    """The lag at which the training parts resemble themselves most, past the first time that they do not."""
    most = min(most, min(len(target) for target in targets) // 3)
    if most < 3:
        return 1, 0.0
    correlations = np.mean([_autocorrelation(target, most) for target in targets], axis=0)
    below = np.flatnonzero(correlations < 0)
    if not len(below):
        return 1, 0.0
    lag = int(below[0]) + int(correlations[below[0] :].argmax())
    return (lag, float(correlations[lag])) if correlations[lag] >= _SEASON_CORRELATION else (1, 0.0)


def _autocorrelation(target: Float[np.ndarray, " time"], most: int) -> Float[np.ndarray, " lags"]:
    """With itself 0 to `most` steps later, a straight line taken off."""
    values = filled(target[:, None])[:, 0]
    steps = np.arange(len(values))
    values = values - np.polyval(np.polyfit(steps, values, 1), steps)
    total = float(values @ values) or 1.0
    return np.array([float(values[lag:] @ values[: len(values) - lag]) / total for lag in range(most + 1)])


def _base(
    encoder: WindowEncoder, training: Sequence[Float[np.ndarray, "time columns"]], task: TaskConfig, cut: Cut
) -> tuple[Base, str]:
    if task.base != "auto":
        if task.base == "season" and encoder.season == 1:
            raise RequestError("task.base = 'season': there is no season; give task.season, or another base")
        return task.base, f"{_NAMES[task.base]}, as asked"
    # On the same origins for all, those that have a season before them.
    strict = replace(encoder, base="season")
    stride = max(1, sum(map(len, training)) // _MOST_WINDOWS)
    origins = [range(strict.least_context - 1, len(values) - cut.horizon, stride) for values in training]
    errors: dict[Base, float] = {}
    for base in BASES:
        if base != "season" or encoder.season > 1:
            windows = replace(encoder, base=base).windows(training, origins)
            size = np.abs(windows.part.labels)
            errors[base] = math.inf if np.isnan(size).all() else float(np.nanmean(size))
    best = min(errors, key=lambda base: errors[base])
    others = ", ".join(f"{_NAMES[base]} {error:.3g}" for base, error in errors.items())
    return best, f"{_NAMES[best]}, which errs least in training (mean error in scales of its window: {others})"
