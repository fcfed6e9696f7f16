"""An `analysis.json` made up: curves that fade by a known factor, a few units, tokens that are hard to show."""

import json
from pathlib import Path
from typing import Any

HARD_WORD = '<script>alert("x")</script>'


def curve(half_life: float, n: int, last: float = 0.5) -> dict[str, Any]:
    """Norms of `n` distances that halve every so many steps, of 20 examples."""
    relative = [0.5 ** (k / half_life) for k in range(n)]

    def quartiles(scale: float) -> dict[str, list[float]]:
        median = [scale * value for value in relative]
        lower, upper = ([value * way for value in median] for way in (0.7, 1.4))
        return {"lower": lower, "median": median, "upper": upper}

    return {
        "n": [20] * n, "n_zero_at_last": 0, "reach": n, "norm": quartiles(last), "relative": quartiles(1.0),
        "half_life": half_life if n > 3 else None, "half_life_absent": None if n > 3 else "too few distances",
        "fit_r2": 0.6789, "fit_lags": n - 1, "half_at": min(n - 1, round(half_life)), "n_several_steps": 20,
        "vanishes": 0.25, "vanishes_steps": 0.1, "explodes": 0.0,
    }  # fmt: skip


def gates(names: str, stage: str, scale: float) -> dict[str, Any]:
    """Three units; the last of the trained ones never forgets."""
    drivers = [{"token": token, "n": 3, "value": 0.5} for token in ("fine", HARD_WORD, "شكرا")]
    unit = {"time_constant": 9.5, "writes_up": drivers, "writes_down": [], "forgets_at": drivers[:1]}
    units = {"retentive": [{"unit": 2} | unit | {"time_constant": None}], "forgetful": [{"unit": 0} | unit]}
    return {
        "holds": "f" if "f" in names else "z",
        "time_constants": [scale, 3 * scale, None if stage == "trained" else 4.0],
        "saturation": {
            name: {"low": [0.0, 0.5, 0.9], "high": [0.9, 0.2, 0.0], "mean": [0.9, 0.4, 0.1]} for name in names
        },
        "units": units if stage == "trained" else None,
    }


def model(
    cell: str, n: int, *, num_layers: int = 1, bidirectional: bool = False, pooling: str = "last"
) -> dict[str, Any]:
    """One model at initialisation and trained."""
    half_life = {"lstm": 20.0, "gru": 10.0, "rnn": 0.9}[cell]

    def direction(name: str, stage: str) -> dict[str, Any]:
        scale = 1.0 if stage == "initial" else 2.0
        flow = {"loss_by_hidden": curve(half_life * scale, n), "last_by_hidden": curve(half_life * scale, n, 1.0)}
        if cell == "lstm":
            flow |= {"loss_by_cell": curve(30 * scale, n)}
            flow |= {key: curve(15 * scale, n, 1.0) for key in ("cell_by_cell", "cell_by_cell_alone", "forget_product")}
        names = {"lstm": "ifo", "gru": "rz", "rnn": ""}[cell]
        return {
            "direction": name,
            "flow": flow,
            "cell_deviation": 2e-16 if cell == "lstm" else None,
            "gates": gates(names, stage, scale) if names else None,
        }

    directions = ("forward", "backward") if bidirectional else ("forward",)
    return {
        "hidden_size": 3, "num_layers": num_layers, "bidirectional": bidirectional, "pooling": pooling,
        "networks": {
            stage: {
                "engine": "native", "engine_difference": 3e-8,
                "layers": [[direction(name, stage) for name in directions] for _ in range(num_layers)],
            }
            for stage in ("initial", "trained")
        },
    }  # fmt: skip


def analysis(cells: tuple[str, ...] = ("lstm", "rnn"), n: int = 40, **shape: Any) -> dict[str, Any]:
    """The whole record; `shape` is that of `model`."""
    return {
        "format": 1, "source": "imdb", "title": "Film reviews & more", "kind": "text", "split": "test",
        "n_test": 500, "n_examples": 20, "seed": 0, "n_projections": 8,
        "lengths": {"min": 1, "median": n / 2, "max": n},
        "rules": {"vanishes_below": 1e-6, "explodes_above": 1e3, "reached_by": 0.25, "shut_below": 0.1,
                  "open_above": 0.9, "fewest_occurrences": 3},
        "left_out": [{"cell": cell, "part": "gates", "reason": "it has none"} for cell in cells if cell == "rnn"],
        "models": {cell: model(cell, n, **shape) for cell in cells},
    }  # fmt: skip


def write(folder: Path, record: dict[str, Any]) -> Path:
    """Write the record into a folder, which is given back."""
    (folder / "analysis.json").write_text(json.dumps(record))
    return folder
