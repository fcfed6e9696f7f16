"""From series to windows: what stood before an origin, scaled by itself, and the values that came after it."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import Float, Int

from lstmkit.core.errors import DataError
from lstmkit.data.described import read_described
from lstmkit.data.encoded import EncodedPart
from lstmkit.data.numeric import beyond_float32
from lstmkit.data.series import filled

Base = Literal["last", "season", "mean"]
BASES: tuple[Base, ...] = ("last", "season", "mean")
_LEAST_SCALE = 0.01  # of the series' usual scale: a window that stands still is not blown up beyond it


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of several series, and how the network's numbers become values.

    A value is `base + scale * number`.

    Attributes:
        part: rows of each window, and as its labels the numbers to predict, float32 `(windows, horizon)`.
        base: what the network corrects.
        scale: of each window.
        truth: the values that came after; NaN where one is missing or not yet known.
        series: the number of each window's series.
        origins: the step after which each window's forecast begins, counted from 0: the last one that was read.
    """

    part: EncodedPart
    base: Float[np.ndarray, "windows horizon"]
    scale: Float[np.ndarray, " windows"]
    truth: Float[np.ndarray, "windows horizon"]
    series: Int[np.ndarray, " windows"]
    origins: Int[np.ndarray, " windows"]

    def __len__(self) -> int:
        return len(self.scale)

    def values(self, numbers: Float[np.ndarray, "windows horizon ..."]) -> Float[np.ndarray, "windows horizon ..."]:
        """The network's numbers as values of the series."""
        extra = (1,) * (numbers.ndim - 2)
        return self.base.reshape(*self.base.shape, *extra) + self.scale.reshape(-1, 1, *extra) * numbers


@dataclass(frozen=True)
class WindowEncoder:
    """How what stood before an origin is read.

    The target is centred on the window's mean and divided by the mean distance from it; a missing value takes the last
    one before it, and a mask is 1 there where the training part has any. Covariates are z-scores by their mean and
    deviation in training. One that is known ahead is read `horizon` steps early: the last step read has its value at
    the forecast's end, and those before it the values on the way.

    Attributes:
        columns: names, the target's first.
        known_ahead: numbers of the columns known ahead.
        horizon: steps forecast.
        context: most steps read; a window at a series' beginning has fewer.
        season: steps of a season; 1: none.
        base: what the network corrects: the last value, that of the season before, or the window's mean.
        means, deviations: of each column in training; the target's deviation bounds a window's scale from below.
        masked: numbers of the columns that have a mask.
    """

    kind: ClassVar[str] = "windows"
    columns: tuple[str, ...]
    known_ahead: tuple[int, ...]
    horizon: int
    context: int
    season: int
    base: Base
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    masked: tuple[int, ...]

    @property
    def shape(self) -> dict[str, int]:
        """What the network's input is built from: the features of a row."""
        return {"n_features": len(self.columns) + len(self.masked)}

    @property
    def features(self) -> list[str]:
        """Names of a row's features."""
        ahead = [
            f"{name} {self.horizon} ahead" if k in self.known_ahead else name for k, name in enumerate(self.columns)
        ]
        return [*ahead, *(f"{ahead[k]} missing" for k in self.masked)]

    @property
    def least_context(self) -> int:
        """Steps that a forecast needs before it."""
        return max(2, self.season if self.base == "season" else 1)

    def windows(self, series: Sequence[Float[np.ndarray, "time columns"]], origins: Iterable[Sequence[int]]) -> Windows:
        """Cut and scale windows.

        Args:
            series: values, NaN where one is missing.
            origins: of each series the last steps read, counted from 0, each at least `least_context - 1`. Of the
                steps after one, the target and the covariates that are not known ahead are never read.
        """
        rows, bases, scales, truths, numbers, places = [], [], [], [], [], []
        for number, (values, own) in enumerate(zip(series, origins, strict=True)):
            target = filled(values[:, :1])[:, 0]  # from before alone
            features = self._features(values)
            for origin in own:
                begin = max(0, origin + 1 - self.context)
                context = target[begin : origin + 1]
                centre, scale = self._scale_of(context)
                window = features[begin : origin + 1].copy()
                window[:, 0] = (context - centre) / scale
                rows.append(self._as_read(window, self.features))
                bases.append(self.base_of(context, self.base))
                scales.append(scale)
                truths.append(self._after(values[:, 0], origin))
                numbers.append(number)
                places.append(origin)
        n, h = len(rows), self.horizon
        base, scale = np.array(bases).reshape(n, h), np.array(scales)
        truth = np.array(truths).reshape(n, h)
        offsets = np.concatenate([[0], np.cumsum([len(window) for window in rows])]).astype(np.int64)
        stacked = np.concatenate(rows) if rows else np.zeros((0, self.shape["n_features"]), dtype=np.float32)
        targets = self._as_read((truth - base) / scale[:, None], [f"{self.columns[0]}, ahead"] * h)
        part = EncodedPart(stacked, offsets, targets)
        return Windows(part, base, scale, truth, np.array(numbers, dtype=np.int64), np.array(places, dtype=np.int64))

    def base_of(self, context: Float[np.ndarray, " steps"], base: Base) -> Float[np.ndarray, " horizon"]:
        """What a simple rule says of the steps after a filled context."""
        if base == "last":
            return np.full(self.horizon, context[-1])
        if base == "mean":
            return np.full(self.horizon, context.mean())
        return seasonal(context, self.season, self.horizon)

    def describe(self) -> dict[str, Any]:
        """What `model.json` keeps of the encoder: all of it."""
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_description(cls, description: dict[str, Any]) -> "WindowEncoder":
        """Read an encoder back.

        Raises:
            ArtifactError: the description is not one.
        """
        return read_described(cls, description)

    def _features(self, values: Float[np.ndarray, "time columns"]) -> Float[np.ndarray, "time features"]:
        """All rows but for the target, whose scale each window has of its own."""
        read = values.astype(np.float64)
        for column in self.known_ahead:
            read[:, column] = np.concatenate([values[self.horizon :, column], np.full(self.horizon, np.nan)])[
                : len(values)
            ]
        scaled = (read - self.means) / np.array(self.deviations)
        gaps = np.isnan(scaled)
        return np.concatenate([filled(scaled), gaps[:, list(self.masked)]], 1)

    def _as_read(
        self, values: Float[np.ndarray, "rows columns"], names: Sequence[str]
    ) -> Float[np.ndarray, "rows columns"]:
        """Scaled values as float32."""
        if (far := beyond_float32(values)) is not None:
            column = int((values == far).any(0).argmax())
            raise DataError(
                f"{names[column]}: a value lies {abs(far):.2g} times its usual scale away from it, too far to be read; "
                "correct it, or leave the series out"
            )
        return values.astype(np.float32)

    def _scale_of(self, context: Float[np.ndarray, " steps"]) -> tuple[float, float]:
        centre = float(context.mean())
        return centre, max(float(np.abs(context - centre).mean()), _LEAST_SCALE * self.deviations[0])

    def _after(self, target: Float[np.ndarray, " time"], origin: int) -> Float[np.ndarray, " horizon"]:
        after = np.full(self.horizon, np.nan)
        there = target[origin + 1 : origin + 1 + self.horizon]
        after[: len(there)] = there
        return after


def seasonal(context: Float[np.ndarray, " steps"], season: int, horizon: int) -> Float[np.ndarray, " horizon"]:
    """Each step ahead as the same one of the last season that is known: the seasonal-naive forecast.

    Raises:
        DataError: the context is shorter than a season.
    """
    if len(context) < season:
        raise DataError(
            f"{len(context)} steps, and a season of {season}; a seasonal forecast needs one season before it"
        )
    last = context[len(context) - season :]
    return last[np.arange(horizon) % season]
