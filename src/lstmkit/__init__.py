"""lstmkit: train, understand and ship LSTM sequence classifiers.

Importing the package imports no torch; the names below load what they need when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lstmkit.api.estimator import SequenceClassifier
    from lstmkit.api.forecast_estimator import SequenceForecaster
    from lstmkit.api.predictor import Predictor, load

    __version__: str

__all__ = ["Predictor", "SequenceClassifier", "SequenceForecaster", "__version__", "load"]

_HOMES = {
    "SequenceClassifier": "lstmkit.api.estimator",
    "SequenceForecaster": "lstmkit.api.forecast_estimator",
    "Predictor": "lstmkit.api.predictor",
    "load": "lstmkit.api.predictor",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("lstmkit")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'lstmkit' has no attribute {name!r}")
