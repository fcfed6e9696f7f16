"""The page of a trained run, whatever its task."""

from collections.abc import Callable
from pathlib import Path

from lstmkit.core.errors import ArtifactError
from lstmkit.core.files import read_json
from lstmkit.report.forecast_page import draw_forecast
from lstmkit.report.page import draw_run
from lstmkit.report.regression_page import draw_regression

_DRAW: dict[str, Callable[[Path], Path]] = {
    "classify": draw_run,
    "forecast": draw_forecast,
    "regression": draw_regression,
}


def draw_trained(folder: Path) -> Path:
    """Draw the plots and the page of a run as its `evaluation.json` tells its task.

    Raises:
        ArtifactError: a record is absent or damaged; nothing is written then.
        LstmkitError: a file could not be written.
    """
    record = read_json(folder / "evaluation.json")
    task = record.get("task", "classify") if isinstance(record, dict) else "classify"
    if task not in _DRAW:
        raise ArtifactError(f"{folder / 'evaluation.json'}: task {task!r} is not known; upgrade lstmkit")
    return _DRAW[task](folder)
