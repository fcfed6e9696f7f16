"""From norms by example and distance to what a record keeps: curves, half-lives, what vanishes and what explodes."""

import math
from typing import Any

import numpy as np
from jaxtyping import Float

VANISHES_BELOW = 1e-6
"""An example's gradient vanishes if its norm at the step farthest from the end is below this multiple of the last's."""

EXPLODES_ABOVE = 1e3
"""It explodes if its norm at any step is above this multiple of the last's."""

REACHED_BY = 0.25
"""Share of the examples that must reach a distance for it to be drawn and fitted: beyond, the few longest speak."""

_FEWEST_LAGS = 3  # of a fit: two points lie on a line whatever they are


def curve(norms: Float[np.ndarray, "examples lags"]) -> dict[str, Any]:
    """What `analysis.json` keeps of one quantity, see docs/analyze.md.

    Args:
        norms: by example and distance from the end; NaN where an example has no such step.

    Returns:
        Plain data: `n` (examples that have such a step) by distance; the quartiles of the `norm` and of it `relative`
        to the same example's norm at distance 0; `half_life` and its fit; `vanishes` and `explodes`.
    """
    n = (~np.isnan(norms)).sum(0)
    last = norms[:, :1]
    usable = last[:, 0] > 0  # max pooling can leave a last state without any gradient
    with np.errstate(over="ignore"):
        relative = norms[usable] / last[usable]
    n_relative = (~np.isnan(relative)).sum(0)
    reach = int((n_relative >= max(1, math.ceil(REACHED_BY * len(relative)))).sum()) if len(relative) else 0
    quartiles = _quartiles(relative[:, :reach])
    return {
        "n": n.tolist(),
        "n_zero_at_last": int((~usable).sum()),
        "reach": reach,
        "norm": _quartiles(norms),
        "relative": quartiles,
        **half_life(np.array(quartiles["median"])),
        **_shares(relative),
    }


def half_life(median: Float[np.ndarray, " lags"]) -> dict[str, Any]:
    """The half-life in steps: ln 2 over the slope of a line through ln(median) against the distance, by least squares.

    The fit is over distances from 1 on: what the head reads directly, at distance 0, has not come through a recurrence.
    It ends before the first median that is 0.

    Args:
        median: of the norms relative to the last, by distance.

    Returns:
        `half_life`, None where the median does not fall or fewer than three distances are there, which
        `half_life_absent` then says; `fit_r2`, the share of the variance of ln(median) that the line explains;
        `fit_lags`, how many distances were fitted; `half_at`, the first distance from which on the median stays at most
        half, None where it does not.
    """
    below = median <= 0.5
    stays = len(below) - int(np.argmin(below[::-1])) if not below.all() else 0
    half_at = stays if stays < len(below) else None
    zeros = np.flatnonzero(median == 0)
    lags = np.arange(1, int(zeros[0]) if len(zeros) else len(median))
    found = {"half_life": None, "half_life_absent": None, "fit_r2": None, "fit_lags": len(lags), "half_at": half_at}
    if len(lags) < _FEWEST_LAGS:
        return found | {"half_life_absent": f"too few distances: {len(lags)} of {_FEWEST_LAGS}"}
    heights = np.log(median[lags])
    slope, intercept = np.polyfit(lags, heights, 1)
    spread = float(((heights - heights.mean()) ** 2).sum())
    left = float(((heights - slope * lags - intercept) ** 2).sum())
    found["fit_r2"] = round(1 - left / spread, 4) if spread > 0 else None
    if slope >= 0 or spread == 0:
        return found | {"half_life_absent": "does not fall"}
    return found | {"half_life": significant(-math.log(2) / slope)}


def significant(value: float, digits: int = 5) -> float:
    """A number rounded to so many significant digits."""
    return float(f"{value:.{digits - 1}e}")


def _shares(relative: Float[np.ndarray, "examples lags"]) -> dict[str, Any]:
    """Of the examples with two steps or more, which vanish and which explode; and of all their steps but the last."""
    several = relative[~np.isnan(relative[:, 1])] if relative.shape[1] > 1 else relative[:0]
    if not len(several):
        return {"n_several_steps": 0, "vanishes": None, "vanishes_steps": None, "explodes": None}
    earlier = several[:, 1:]
    farthest = earlier[np.arange(len(earlier)), (~np.isnan(earlier)).sum(1) - 1]
    return {
        "n_several_steps": len(several),
        "vanishes": float((farthest < VANISHES_BELOW).mean()),
        "vanishes_steps": float((earlier[~np.isnan(earlier)] < VANISHES_BELOW).mean()),
        "explodes": float((np.nanmax(earlier, 1) > EXPLODES_ABOVE).mean()),
    }


def _quartiles(values: Float[np.ndarray, "examples lags"]) -> dict[str, list[float]]:
    """Lower quartile, median and upper quartile by distance, over the examples that have such a step."""
    if not values.size:
        return {"lower": [], "median": [], "upper": []}
    rows = np.nanpercentile(values, [25, 50, 75], axis=0)
    names = ("lower", "median", "upper")
    return {name: [significant(value) for value in row] for name, row in zip(names, rows.tolist(), strict=True)}
