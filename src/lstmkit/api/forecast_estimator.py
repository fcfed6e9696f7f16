"""`SequenceForecaster`: the forecaster as a scikit-learn estimator."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from lstmkit.api.borrowed import borrowed, device_for
from lstmkit.api.containers import opened
from lstmkit.api.forecaster import forecast_after, last_read, listed
from lstmkit.api.parameters import InputError, as_value_errors, plain, tree_of
from lstmkit.api.printing import Printer
from lstmkit.api.saving import MODEL, described, read_estimator, write_estimator
from lstmkit.api.series import checked_axes, form_of, series_of
from lstmkit.artifact import ArrayForm, load_forecaster, save_artifact
from lstmkit.config.resolve import validate
from lstmkit.config.schema import Config
from lstmkit.core.errors import DataError
from lstmkit.core.files import within
from lstmkit.data.cutting import check_known, cut_panel
from lstmkit.data.encoded import EncodedPart
from lstmkit.data.sources.panel import Panel, Timed
from lstmkit.evaluate.forecasting import naive_error
from lstmkit.models import Classifier, build
from lstmkit.models.build import architecture_of
from lstmkit.models.quantiles import QUANTILES, n_outputs
from lstmkit.train import Result, train
from lstmkit.train.loop import epochs_of
from lstmkit.train.objectives import QuantileForecast

_ABOUT = "forecaster.json"
_KEYS = {
    **{name: f"task.{name}" for name in ("horizon", "season", "context", "base")},
    **{
        name: f"model.{name}"
        for name in ("cell", "embedding_size", "hidden_size", "num_layers", "bidirectional", "pooling", "layer_dropout",
                     "head_dropout")
    },
    **{
        name: f"train.{name}"
        for name in ("epochs", "batch_size", "learning_rate", "schedule", "warmup_fraction", "clip_norm",
                     "weight_decay", "averaging", "early_stopping", "refit")
    },
    "validation_fraction": "data.valid_fraction",
    **{name: f"run.{name}" for name in ("device", "threads", "engine")},
}  # fmt: skip
"""The configuration key that says what each parameter may be."""


class SequenceForecaster(BaseEstimator):
    """A recurrent forecaster of series with quantiles, as a scikit-learn estimator.

    `X` is one series `(time,)`; a list of series, arrays or lists `(time,)` or `(time, columns)`, the column to
    forecast first; a 2-D array, a series in each row; or a 3-D array `(n, columns, time)`. NaN, None or a mask where a
    value is missing; `axes` says it where the axes are in another order. A data frame of one column is that column. The
    constructor stores its keywords; their values are checked by `fit`.

    Args:
        horizon: steps of a forecast.
        season: steps of a season, 1 for none; 0: found in the training part.
        context: most steps read before a forecast; 0: found from season and horizon.
        base: what the network corrects: last, season or mean; auto: the one that errs least in training.
        known_ahead: numbers of the columns whose future is known, counted from 1; a series to predict goes on with rows
            that have these and no value to forecast.
        axes: the order of the axes of arrays. nct: a 3-D array is `(n, columns, time)`, and an item of a list
            `(columns, time)`; ntc: `(n, time, columns)` and `(time, columns)`. None: a 3-D array is `(n, columns,
            time)` and an item of a list `(time, columns)`, with an `AxesWarning` where the other reading is as likely.
        cell: lstm, gru or rnn.
        embedding_size: features per step, as the recurrence reads them.
        hidden_size: units of each layer and direction.
        num_layers: recurrent layers.
        bidirectional: read each window from both ends.
        pooling: from states to one vector: last, mean, max or max_mean.
        layer_dropout: dropout between layers; needs num_layers of 2 or more.
        head_dropout: dropout before the last layer.
        epochs: passes over the windows; 0: six, or more on small data.
        batch_size: windows a step.
        learning_rate: highest learning rate of the schedule.
        schedule: constant, one_cycle or cosine.
        warmup_fraction: share of the run in which one_cycle and cosine climb.
        clip_norm: largest norm of the gradient; 0: no clipping.
        weight_decay: the optimizer's weight decay.
        averaging: decay of a running mean of the weights, which is then what is validated and kept; 0: none.
        early_stopping: epochs without a better validation before stopping; 0: never.
        refit: train again on all steps for the number of epochs that validation chose.
        validation_fraction: share of each series, its end, that chooses the best epoch.
        random_state: int, None or RandomState: initial weights, order of batches, dropout.
        device: auto, cpu or cuda.
        threads: CPU threads while fitting and predicting; 0: as torch is set.
        engine: implementation of the recurrence: auto, native, torch or reference.
        verbose: 1 prints a line for each epoch.

    Attributes:
        axes_: what `fit` found of the axes: nct or ntc where `axes` said it; array where a 3-D array came without; or
            None.
        encoder_: the fitted `lstmkit.data.windows.WindowEncoder`.
        network_: the fitted network.
        decisions_: what was decided, one line each.
        history_: a record for each epoch that validation saw, with the keys of a run's `history.jsonl`.
        best_epoch_: the epoch that validation chose, counted from 1.
        config_: what `fit` made of the parameters.
    """

    def __init__(
        self,
        *,
        horizon: int = 1,
        season: int = 0,
        context: int = 0,
        base: str = "auto",
        known_ahead: Sequence[int] = (),
        axes: str | None = None,
        cell: str = "lstm",
        embedding_size: int = 32,
        hidden_size: int = 64,
        num_layers: int = 1,
        bidirectional: bool = False,
        pooling: str = "last",
        layer_dropout: float = 0.0,
        head_dropout: float = 0.1,
        epochs: int = 25,
        batch_size: int = 16,
        learning_rate: float = 2e-3,
        schedule: str = "one_cycle",
        warmup_fraction: float = 0.3,
        clip_norm: float = 1.0,
        weight_decay: float = 0.0,
        averaging: float = 0.998,
        early_stopping: int = 0,
        refit: bool = True,
        validation_fraction: float = 0.1,
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        threads: int = 0,
        engine: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.horizon = horizon
        self.season = season
        self.context = context
        self.base = base
        self.known_ahead = known_ahead
        self.axes = axes
        self.cell = cell
        self.embedding_size = embedding_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.pooling = pooling
        self.layer_dropout = layer_dropout
        self.head_dropout = head_dropout
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.warmup_fraction = warmup_fraction
        self.clip_norm = clip_norm
        self.weight_decay = weight_decay
        self.averaging = averaging
        self.early_stopping = early_stopping
        self.refit = refit
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.device = device
        self.threads = threads
        self.engine = engine
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> "SequenceForecaster":  # noqa: N803  (scikit-learn's name)
        """Train on the windows of series; torch's random state and thread count are left as they were.

        Args:
            X: see the class.
            y: None; series hold what is forecast.

        Raises:
            InputError: X cannot be used; a `ValueError`, as scikit-learn's own refusals are.
            ParameterError: a parameter's value is not allowed; a `ValueError` too.
            TrainingError: the loss is not finite.
        """
        with as_value_errors():
            _refuse_y(y)
            seed = int(check_random_state(self.random_state).randint(2**31 - 1))
            axes = checked_axes(self.axes)
            series = _listed(X, form=axes)
            n_columns = series[0].shape[1]
            names = ["y", *(f"x{k}" for k in range(1, n_columns))]
            ahead = [names[k] if 0 < k < n_columns else str(k) for k in self.known_ahead]
            config = self._config(seed, ",".join(ahead))
            data = cut_panel(_panel_of(series, names), config.task, config.data, has_test=False)
            check_known(data, ("train", "valid"))
            device = device_for(config.run.device)
            with borrowed(config.run.threads, device, seed):
                windows, valid = data.windows("train").part, data.windows("valid").part
                network, result = self._trained(config, data.encoder.shape, windows, valid, None)
                if config.train.refit:
                    both = data.windows("refit").part
                    network, _ = self._trained(config, data.encoder.shape, both, None, result.best_epoch)
        self.axes_: ArrayForm | None = form_of(opened(X), axes)
        self.config_ = config
        self.decisions_ = list(data.decisions)
        self.encoder_ = data.encoder
        self.network_ = network.eval()
        self.history_ = [epoch.as_json() for epoch in result.history]
        self.best_epoch_ = result.best_epoch
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The median of each step that follows each series, `(n, horizon)`; X and errors as `predict_quantiles`."""
        return self.predict_quantiles(X)[..., QUANTILES.index(0.5)]

    def predict_quantiles(self, X: Any) -> np.ndarray:  # noqa: N803
        """The 10, 50 and 90% quantiles of the steps that follow each series, `(n, horizon, 3)`.

        Args:
            X: series in a form that `fit` takes, their axes in the order of `axes`.

        Raises:
            sklearn.exceptions.NotFittedError: `fit` was not called.
            InputError: X cannot be used, or a series is too short; a `ValueError`.
        """
        check_is_fitted(self)
        with as_value_errors():
            return self._quantiles(_listed(X, len(self.encoder_.columns), self.axes_))

    def score(self, X: Any, y: Any = None) -> float:  # noqa: N803
        """Minus the MASE of the last `horizon` steps of each series, forecast from those before; more is better.

        Values that are missing there are not scored; a series without any counts for nothing.

        Args:
            X: series in a form that `fit` takes, their axes in the order of `axes`.
            y: None, as in `fit`.

        Raises:
            sklearn.exceptions.NotFittedError: `fit` was not called.
            InputError: X cannot be used, a series is too short, or none has a value that could be scored; a
                `ValueError`.
        """
        check_is_fitted(self)
        horizon = self.encoder_.horizon
        with as_value_errors():
            _refuse_y(y)
            series = _listed(X, len(self.encoder_.columns), self.axes_)
            errors = []
            known = []
            for k, one in enumerate(series):
                end = last_read(self.encoder_, one) + 1 - horizon
                if end < 1:
                    raise InputError(f"series {k} has {len(one)} steps; to score {horizon} of them there must be more")
                history = one.copy()
                history[end:, [c for c in range(one.shape[1]) if c not in self.encoder_.known_ahead]] = np.nan
                known.append(history if self.encoder_.known_ahead else one[:end])
            medians = self._quantiles(series_of(known, axes="ntc", dtype=np.float64))[..., QUANTILES.index(0.5)]
            for one, history, median in zip(series, known, medians, strict=True):
                begin = last_read(self.encoder_, history) + 1
                truth = one[begin : begin + horizon, 0]
                error = np.abs(truth - median[: len(truth)])
                if np.isnan(error).all():
                    continue
                errors.append(np.nanmean(error) / naive_error(one[:begin, 0].astype(np.float64), self.encoder_.season))
            if not errors:
                raise InputError(
                    f"every value of the last {horizon} steps is missing; to score them some must be known"
                )
        return -float(np.mean(errors))

    def save(self, folder: str | Path) -> None:
        """Write the fitted estimator: `model/`, which `lstmkit.load` reads too, and `forecaster.json`. No pickle.

        Whole or not at all; a forecaster saved there before is replaced. A RandomState for random_state becomes None.

        Raises:
            sklearn.exceptions.NotFittedError: `fit` was not called.
            RequestError: the folder holds something else.
        """
        check_is_fitted(self)
        parameters = {name: plain(value) for name, value in self.get_params().items() if name != "known_ahead"}
        if isinstance(self.random_state, np.random.RandomState):
            parameters["random_state"] = None
        state: dict[str, Any] = {
            "parameters": {**parameters, "known_ahead": [int(k) for k in self.known_ahead]},
            "config": self.config_.model_dump(),
            "decisions": self.decisions_,
            "history": self.history_,
            "best_epoch": self.best_epoch_,
        }
        longest = self.network_.recurrence.chrono_length
        architecture = architecture_of(self.config_, self.encoder_.shape, n_outputs(self.encoder_.horizon), longest)
        task = {"kind": "forecast", "reading": {"series": "", "time": ""}}
        write_estimator(
            Path(folder),
            _ABOUT,
            state,
            lambda place: save_artifact(place, self.network_, architecture, self.encoder_, [], task, axes=self.axes_),
        )

    @classmethod
    def load(cls, folder: str | Path) -> "SequenceForecaster":
        """Read a forecaster that `save` wrote; its network is on the CPU. Runs no code of the folder's.

        Raises:
            ArtifactError: the folder holds no saved forecaster, or a file is damaged or of a newer format.
        """
        folder = Path(folder)
        about = read_estimator(folder, _ABOUT, cls.__name__, cls().get_params())
        with described(folder / _ABOUT):
            config, decisions = validate(about["config"]), about["decisions"]
        artifact = load_forecaster(within(folder, MODEL), config.run.engine)
        estimator = cls(**about["parameters"])
        estimator.config_ = config
        estimator.decisions_ = decisions
        estimator.encoder_ = artifact.encoder
        estimator.axes_ = artifact.axes
        estimator.network_ = artifact.network
        estimator.history_ = about["history"]
        estimator.best_epoch_ = about["best_epoch"]
        return estimator

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")

    def _quantiles(self, series: Sequence[np.ndarray]) -> np.ndarray:
        with borrowed(self.config_.run.threads, self.network_.head.weight.device):
            return forecast_after(self.network_, self.encoder_, series)

    def _config(self, seed: int, known_ahead: str) -> Config:
        tree = tree_of(self.get_params(deep=False), _KEYS)
        tree["task"] |= {"goal": "forecast", "known_ahead": known_ahead}
        return validate({"seed": seed, **tree})

    def _trained(
        self, config: Config, shape: dict[str, int], part: EncodedPart, valid: EncodedPart | None, n_epochs: int | None
    ) -> tuple[Classifier, Result]:
        network = build(config, shape, n_outputs(config.task.horizon), int(part.lengths.max()))
        network = network.to(device_for(config.run.device))
        watch = Printer(n_epochs or epochs_of(config.train, len(part)), bool(self.verbose))
        objective = QuantileForecast()
        result = train(
            network, part, valid, config.train, seed=config.seed, watch=watch, n_epochs=n_epochs, objective=objective
        )
        return network, result


def _refuse_y(y: Any) -> None:
    if y is not None:
        raise DataError("y came, and series hold what is forecast; give X alone, covariates as further columns")


def _listed(X: Any, n_columns: int = 0, form: ArrayForm | None = None) -> list[np.ndarray]:  # noqa: N803
    """Series as float64 arrays `(time, columns)`.

    Raises:
        DataError: there are none, or one cannot be used.
    """
    if isinstance(X, str) or not hasattr(X, "__len__"):
        raise DataError(f"X is a {type(X).__name__}; give a series, or a list of series")
    series = listed(X, n_columns, form=form)
    if not series:
        raise DataError("X holds no series; give one or more")
    return series


def _panel_of(series: Sequence[np.ndarray], names: Sequence[str]) -> Panel:
    timed = []
    for k, values in enumerate(series):
        there = np.flatnonzero(~np.isnan(values[:, 0]))
        if not len(there):
            raise DataError(f"series {k} has no value to forecast, all are missing; leave it out")
        own = values[there[0] :]
        timed.append(Timed(str(k), k, range(len(own)), own))
    return Panel("X", tuple(names), "", "", tuple(timed), [], [], "", {})
