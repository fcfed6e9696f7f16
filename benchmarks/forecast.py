"""Forecasts of real series beside the naive, the seasonal-naive and statsmodels' ETS forecast, under the same origins.

The series come with statsmodels (`pip install 'lstmkit[forecast-bench]'`) and are in the public domain, as statsmodels
says of each: the yearly sunspot numbers of 1700 to 2008, the weekly CO2 of Mauna Loa of 1958 to 2001 (with gaps), and
the monthly sea surface temperature of the El Nino region of 1950 to 2010. They are written to OUT as CSV, and a run of
`lstmkit train` is made of each and each seed:

    python benchmarks/forecast.py --out forecasts --threads 1

With --folds the test part is cut off first, and the steps before it are forecast instead, from one or more earlier
ends: this is what sizes and rates were chosen by.

    python benchmarks/forecast.py --out folds --folds 2 --seeds 1 --set model.hidden_size=32
"""

import argparse
import csv
import json
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lstmkit.config.resolve import resolve
from lstmkit.config.schema import Config
from lstmkit.core.records import Epoch
from lstmkit.data.cutting import CutPanel, cut_panel
from lstmkit.data.series import filled
from lstmkit.data.sources.panel import load_panel
from lstmkit.data.windows import Windows
from lstmkit.evaluate.forecasting import MEASURES, Scoring, baseline_quantiles, scoring_of
from lstmkit.experiment.folder import opened_folder
from lstmkit.experiment.forecast import run_forecast
from lstmkit.models.quantiles import QUANTILES

HORIZONS = {"sunspots": 11, "co2": 52, "elnino": 12}
"""Steps ahead: a solar cycle, and twice a year."""


_HEAD = ("set", "fold", "model", "MASE", "95% interval", "minus seasonal-naive", "sMAPE", "RMSE", "quantile loss",
         "in 10-90%", "time", "form")  # fmt: skip


class Silent:
    """Shows nothing."""

    def say(self, line: str) -> None:
        """Notes are not shown."""

    def on_model(self, name: str, n_parameters: int, n_epochs: int) -> None:
        """Models are not shown."""

    def on_step(self, epoch: int, step: int, n_steps: int, loss: float, tokens_per_second: float) -> None:
        """Steps are not shown."""

    def on_epoch(self, record: Epoch, history: list[Epoch]) -> None:
        """Epochs are not shown."""


def rows_of(name: str) -> Iterator[list[Any]]:
    """A series of statsmodels as rows of a table, its header first."""
    from statsmodels import datasets

    frame = getattr(datasets, name).load_pandas().data
    if name == "sunspots":
        yield ["year", "sunspots"]
        yield from ([int(year), value] for year, value in frame.itertuples(index=False))
    elif name == "co2":
        yield ["date", "co2"]
        yield from ([day.date().isoformat(), "" if np.isnan(value) else value] for day, value in frame["co2"].items())
    else:
        yield ["date", "temperature"]
        for year, *months in frame.itertuples(index=False):
            yield from ([f"{int(year)}-{month:02d}-01", value] for month, value in enumerate(months, start=1))


def written(name: str, folder: Path) -> Path:
    """A series as CSV in a folder."""
    path = folder / f"{name}.csv"
    folder.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows_of(name))
    return path


def config_of(path: Path, horizon: int, seed: int, threads: int, assignments: Sequence[str]) -> Config:
    """What `lstmkit train PATH --task forecast --horizon H` resolves to."""
    asked = {"data.source": str(path), "task.goal": "forecast", "task.horizon": horizon, "seed": seed}
    return resolve(assignments=assignments, overrides=asked | {"run.threads": threads})


def cut_before(config: Config, n_ends: int) -> list[CutPanel]:
    """The panel cut as `train` cuts it; or with `n_ends` the same with its test part, and more, cut off first."""
    panel = load_panel(config.data)
    whole = cut_panel(panel, config.task, config.data)
    found = []
    for k in range(n_ends):
        shorter = []
        for series in panel.series:
            end = len(series) - (k + 1) * whole.cut.n_test
            shorter.append(replace(series, times=series.times[:end], values=series.values[:end]))
        typical = float(np.median([len(series) for series in shorter]))
        data = config.data.model_copy(update={"test_fraction": whole.cut.n_test / typical})
        found.append(cut_panel(replace(panel, series=tuple(shorter)), config.task, data))
    return found or [whole]


def ets(data: CutPanel, windows: Windows) -> tuple[np.ndarray, str]:
    """ETS with additive errors: its form by AIC and its parameters fitted before the test part, then only smoothed on.

    Returns:
        Quantiles `(windows, horizon, quantiles)`, and the form.
    """
    from pandas import Series  # statsmodels forecasts nothing else
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    season, horizon = data.encoder.season, data.cut.horizon
    answers = np.zeros((len(windows), horizon, len(QUANTILES)))
    forms = []
    for number, series in enumerate(data.panel.series):
        values = Series(filled(series.values[:, :1])[:, 0])
        known = values[: data.cut.ends(len(values))["refit"][1]]
        candidates = [(trend, damped) for trend, damped in ((None, False), ("add", False), ("add", True))]
        seasonal = [None, "add"] if season > 1 else [None]
        fits = []
        for trend, damped in candidates:
            for kind in seasonal:
                form: dict[str, Any] = {"error": "add", "trend": trend, "damped_trend": damped, "seasonal": kind}
                form |= {"initialization_method": "heuristic"} | ({"seasonal_periods": season} if kind else {})
                fitted = ETSModel(known, **form).fit(disp=False)
                fits.append((fitted.aic, form, fitted.params))
        _, form, params = min(fits, key=lambda fit: fit[0])
        damped = "d" if form["damped_trend"] else ""
        forms.append(f"A,{'A' if form['trend'] else 'N'}{damped},{'A' if form['seasonal'] else 'N'}")
        for k in np.flatnonzero(windows.series == number):
            origin = int(windows.origins[k])
            smoothed = ETSModel(values[: origin + 1], **form).smooth(params)
            frame = smoothed.get_prediction(origin + 1, origin + horizon).summary_frame(alpha=0.2)
            answers[k] = np.stack([frame["pi_lower"], frame["mean"], frame["pi_upper"]], 1)
    return np.sort(answers, 2), "; ".join(sorted(set(forms)))


def measured(scoring: Scoring, quantiles: np.ndarray, rule: np.ndarray) -> dict[str, Any]:
    """Measures of a forecast, and its MASE minus the seasonal-naive forecast's."""
    difference, interval = scoring.mase_difference(quantiles, rule, 0)
    return {**scoring.measures(quantiles, 0), "difference": difference, "difference_ci95": interval}


def answers_of(folder: Path, windows: Windows) -> np.ndarray:
    """The forecasts that a run has recorded, `(windows, horizon, quantiles)`."""
    rows = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    found = np.array([[row["quantiles"][f"{level:g}"] for level in QUANTILES] for row in rows]).transpose(0, 2, 1)
    if len(found) != len(windows):
        raise ValueError(f"{folder}: {len(found)} forecasts, {len(windows)} windows")
    return found


def measure(name: str, path: Path, horizon: int, options: argparse.Namespace) -> list[dict[str, Any]]:
    """The rows of a set: the plain rules, ETS where it is asked for, the network by seed."""
    rows: list[dict[str, Any]] = []
    for fold, data in enumerate(cut_before(config_of(path, horizon, 0, options.threads, options.set), options.folds)):
        windows = data.windows("test")
        scoring = scoring_of(data, windows)
        plain = baseline_quantiles(data, data, windows)
        rule = plain.get("seasonal_naive", plain["naive"])
        about = {"set": name, "horizon": horizon, "fold": fold, "season": data.encoder.season, "n": len(windows),
                 "n_spans": scoring.n_spans}  # fmt: skip
        for model, quantiles in plain.items():
            rows.append({**about, "model": model.replace("_", "-"), **measured(scoring, quantiles, rule)})
        if options.ets:
            started_s = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a fit that did not converge: its AIC tells
                quantiles, form = ets(data, windows)
            took = {"seconds": time.perf_counter() - started_s, "form": form}
            rows.append({**about, "model": "ETS", **measured(scoring, quantiles, rule), **took})
        for seed in range(options.seeds):
            config = config_of(path, horizon, seed, options.threads, options.set)
            folder = options.out / f"{name}-fold{fold}-seed{seed}"
            started_s = time.perf_counter()
            # One machine, one run of the script: conditions need no note.
            with opened_folder(folder, config, (folder / "config.toml").exists(), {}, print):
                run_forecast(folder, data, config, Silent())
            took = {"seconds": time.perf_counter() - started_s, "seed": seed}
            rows.append({**about, "model": "LSTM", **measured(scoring, answers_of(folder, windows), rule), **took})
    return rows


def shown(row: dict[str, Any]) -> str:
    """A row for people."""
    name = f"{row['model']} {row['seed']}" if "seed" in row else row["model"]
    # An interval is missing where all origins share steps.
    bounds = "{:.3f} to {:.3f}".format(*row["mase_ci95"]) if row["mase_ci95"] else "none"
    ends = " ({:+.3f} to {:+.3f})".format(*row["difference_ci95"]) if row["difference_ci95"] else ""
    difference = f"{row['difference']:+.3f}{ends}"
    time_s = f"{row['seconds']:.0f} s" if "seconds" in row else ""
    cells = [row["set"], f"{row['fold']}", name, f"{row['mase']:.3f}", bounds, difference, f"{row['smape']:.2f}",
             f"{row['rmse']:.4g}", f"{row['quantile_loss']:.4g}", f"{row['coverage']:.1%}", time_s,
             row.get("form", "")]  # fmt: skip
    return " | ".join(cells)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row for each set, fold, model and seed, and write them to OUT/forecast.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", choices=list(HORIZONS), default=list(HORIZONS))
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0, 1, …")
    parser.add_argument(
        "--folds", type=int, default=0, help="forecast so many earlier ends in the place of the test part"
    )
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--no-ets", dest="ets", action="store_false")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args(arguments)
    print(" | ".join(_HEAD))
    rows: list[dict[str, Any]] = []
    for name in options.sets:
        found = measure(name, written(name, options.out), HORIZONS[name], options)
        rows += found
        for row in found:
            print(shown(row), flush=True)
        networks = [row for row in found if row["model"] == "LSTM"]
        if len(networks) > 1:
            means = {key: float(np.mean([row[key] for row in networks])) for key in MEASURES}
            print(f"{name} | mean of the LSTMs: " + ", ".join(f"{key} {value:.4g}" for key, value in means.items()))
    (options.out / "forecast.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
