"""`SequenceClassifier`: the trainer as a scikit-learn estimator."""

import warnings
from collections.abc import Sequence
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from lstmkit.api.borrowed import borrowed, device_for
from lstmkit.api.containers import is_frame, opened, refuse_masked
from lstmkit.api.examples import example_of
from lstmkit.api.inputs import (
    LABEL_KINDS,
    Item,
    Sort,
    classes_of,
    has_length,
    held_out,
    refuse_values,
    sort_of,
    texts_of,
)
from lstmkit.api.parameters import as_value_errors, config_of, plain
from lstmkit.api.printing import Printer
from lstmkit.api.saving import MODEL, described, read_estimator, write_estimator
from lstmkit.api.series import checked_axes, form_of, series_of
from lstmkit.artifact import ArrayForm, load_artifact, save_artifact
from lstmkit.config.resolve import validate
from lstmkit.core.errors import ArtifactError, DataError, RequestError
from lstmkit.core.files import within
from lstmkit.data.encoded import EncodedPart
from lstmkit.data.encoding import AnyEncoder, fit_encoder
from lstmkit.data.series import SeriesEncoder
from lstmkit.models import build
from lstmkit.models.build import architecture_of
from lstmkit.models.scoring import probabilities
from lstmkit.train import train
from lstmkit.train.loop import epochs_of

if TYPE_CHECKING:
    from lstmkit.analyze.explained import Explanation

_ABOUT = "estimator.json"
_OF_TOKENS = ("word_dropout", "word_dropout_length", "embedding_std", "lowercase", "vocabulary_size", "min_frequency")

CHECKS_NOT_APPLICABLE = {
    "check_class_weight_classifiers": "it fits real-valued features, which are no tokens, and passes class weights as "
    "a dictionary; class_weight is None or 'balanced'",
}
"""scikit-learn's estimator checks that do not apply, each with its reason."""


class SequenceClassifier(ClassifierMixin, BaseEstimator):
    """A recurrent classifier of sequences of tokens or of numeric series, as a scikit-learn estimator.

    `X` is a list of strings; a list of lists of tokens (strings or whole numbers) of any lengths; a 2-D array whose
    rows are sequences of whole numbers (or strings), one token a column; or series: a 3-D array `(n, channels, time)`,
    or a list of arrays `(time, channels)` of any lengths, NaN or a mask where a value is missing; `axes` says it where
    theirs are in another order. A data frame of one column is that column. A parameter that the kind of X has no use
    for is refused where it was set. The constructor stores its keywords; their values are checked by `fit`. Sample
    weights are not supported.

    Args:
        cell: lstm, gru or rnn.
        embedding_size: features per token, or per step of a series, as the recurrence reads them.
        embedding_std: standard deviation of the embedding's values at the start.
        hidden_size: units of each layer and direction.
        num_layers: recurrent layers.
        bidirectional: read each sequence from both ends.
        pooling: from states to one vector: last, mean, max or max_mean.
        word_dropout: share of the vocabulary hidden from each training batch.
        word_dropout_length: mean length of a batch under which fewer words are hidden, in proportion.
        layer_dropout: dropout between layers; needs num_layers of 2 or more.
        head_dropout: dropout before the fully connected layer.
        forget_bias: bias of the LSTM's forget gate at the start.
        initialization: standard, or chrono: the LSTM's gates begin with time constants spread up to `chrono_length`,
            and `forget_bias` is not used.
        chrono_length: longest span in tokens or steps that chrono prepares for; 0: the longest training sequence.
        epochs: passes over the training part; 0: six, or more on small data.
        batch_size: sequences a step.
        optimizer: adam or adamw.
        learning_rate: highest learning rate of the schedule.
        schedule: constant, one_cycle or cosine.
        warmup_fraction: share of the run in which one_cycle and cosine climb.
        clip_norm: largest norm of the gradient; 0: no clipping.
        weight_decay: the optimizer's weight decay.
        label_smoothing: share of each target spread over all classes.
        averaging: decay of a running mean of the weights, which is then what is validated and kept; 0: none.
        class_weight: None, or "balanced": classes count inversely to their size.
        early_stopping: epochs without a better validation before stopping; 0: never.
        select_by: accuracy or loss: what of validation chooses the best epoch; last: the last epoch is kept.
        validation_fraction: share of each class (at least one example, never all) that is held out to choose the best
            epoch; a class with one example keeps it for training. 0: nothing is held out and the last epoch is kept,
            as also, with a warning, where no class has two examples.
        tokenizer: words, subwords, characters, or tokens as they come; auto: words for strings, else tokens. Series
            have none.
        lowercase: fold case before tokenizing text.
        vocabulary_size: most tokens kept, the unknown one included.
        min_frequency: times a token must occur in the training part to be kept.
        max_length: longest sequence in tokens or steps; longer ones are truncated.
        truncate: what of a long sequence is kept: head, tail, or half of each (ends).
        axes: of series, the order of the axes. nct: a 3-D array is `(n, channels, time)`, and an item of a list
            `(channels, time)`; ntc: `(n, time, channels)` and `(time, channels)`. None: a 3-D array is `(n, channels,
            time)` and an item of a list `(time, channels)`, with an `AxesWarning` where the other reading is as likely.
        random_state: int, None or RandomState: held-out part, initial weights, order of batches, dropout.
        device: auto, cpu or cuda.
        threads: CPU threads while fitting and predicting; 0: as torch is set.
        engine: implementation of the recurrence: auto, native, torch or reference.
        verbose: 1 prints a line for each epoch.

    Attributes:
        classes_: the labels, sorted, in their own dtype; the columns of `predict_proba`.
        n_features_in_: tokens of each sequence, where X held tokens and all sequences had one length. Arrays to
            predict must be as wide; lists may have any lengths. Of series, their channels.
        axes_: of series, what `fit` found of their axes: nct or ntc where `axes` said it; array where it did not and a
            3-D array came, so that an example to explain is `(channels, time)`; else None.
        feature_names_in_: column names, where X was a data frame with strings for them.
        history_: a record for each epoch, with the keys of a run's `history.jsonl`.
        best_epoch_: the epoch whose weights were kept, counted from 1.
        encoder_: the fitted `lstmkit.data.encoder.Encoder`, or of series `lstmkit.data.series.SeriesEncoder`.
        network_: the fitted `lstmkit.models.Classifier`.
        config_: what `fit` made of the parameters, as an `lstmkit.config.schema.Config`.
    """

    def __init__(
        self,
        *,
        cell: str = "lstm",
        embedding_size: int = 128,
        embedding_std: float = 1.0,
        hidden_size: int = 128,
        num_layers: int = 1,
        bidirectional: bool = False,
        pooling: str = "last",
        word_dropout: float = 0.0,
        word_dropout_length: int = 32,
        layer_dropout: float = 0.0,
        head_dropout: float = 0.0,
        forget_bias: float = 1.0,
        initialization: str = "standard",
        chrono_length: int = 0,
        epochs: int = 10,
        batch_size: int = 64,
        optimizer: str = "adam",
        learning_rate: float = 1e-3,
        schedule: str = "constant",
        warmup_fraction: float = 0.3,
        clip_norm: float = 1.0,
        weight_decay: float = 0.0,
        label_smoothing: float = 0.0,
        averaging: float = 0.0,
        class_weight: str | None = None,
        early_stopping: int = 0,
        select_by: str = "accuracy",
        validation_fraction: float = 0.1,
        tokenizer: str = "auto",
        lowercase: bool = True,
        vocabulary_size: int = 30_000,
        min_frequency: int = 2,
        max_length: int = 400,
        truncate: str = "ends",
        axes: str | None = None,
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        threads: int = 0,
        engine: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.cell = cell
        self.embedding_size = embedding_size
        self.embedding_std = embedding_std
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.pooling = pooling
        self.word_dropout = word_dropout
        self.word_dropout_length = word_dropout_length
        self.layer_dropout = layer_dropout
        self.head_dropout = head_dropout
        self.forget_bias = forget_bias
        self.initialization = initialization
        self.chrono_length = chrono_length
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.warmup_fraction = warmup_fraction
        self.clip_norm = clip_norm
        self.weight_decay = weight_decay
        self.label_smoothing = label_smoothing
        self.averaging = averaging
        self.class_weight = class_weight
        self.early_stopping = early_stopping
        self.select_by = select_by
        self.validation_fraction = validation_fraction
        self.tokenizer = tokenizer
        self.lowercase = lowercase
        self.vocabulary_size = vocabulary_size
        self.min_frequency = min_frequency
        self.max_length = max_length
        self.truncate = truncate
        self.axes = axes
        self.random_state = random_state
        self.device = device
        self.threads = threads
        self.engine = engine
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> "SequenceClassifier":  # noqa: N803  (scikit-learn's name)
        """Train on sequences and their labels; torch's random state and thread count are left as they were.

        Args:
            X: see the class, and `axes` for the axes of arrays.
            y: a label for each sequence: strings, integers, booleans or whole floats, of two classes or more.

        Raises:
            InputError: X or y cannot be used; a `ValueError`, as scikit-learn's own refusals are.
            ParameterError: a parameter's value is not allowed; a `ValueError` too.
            TrainingError: the loss is not finite.
        """
        with as_value_errors():
            seed = int(check_random_state(self.random_state).randint(2**31 - 1))
            config = config_of(self.get_params(deep=False), seed)
            examples, sort = self._examples(X, reset=True)
            classes, codes = classes_of(y, examples)
            held = held_out(codes, self.validation_fraction, seed)
            if self.validation_fraction and not held.any():
                message = "no class has two examples, so nothing is held out and the last epoch is kept"
                warnings.warn(message, stacklevel=2)
            training, validation = (list(compress(examples, mask)) for mask in (~held, held))
            channels = [str(k + 1) for k in range(examples[0].shape[1])] if sort == "series" else []
            encoder = fit_encoder(training, config.encoder, sort, channels)
            train_part = _encode(encoder, training, codes[~held])
            valid_part = _encode(encoder, validation, codes[held]) if validation else None
            device = device_for(config.run.device)
            with borrowed(config.run.threads, device, seed):
                longest = int(train_part.lengths.max())
                network = build(config, encoder.shape, len(classes), longest).to(device)
                result = train(
                    network,
                    train_part,
                    valid_part,
                    config.train,
                    seed=seed,
                    watch=Printer(epochs_of(config.train, len(train_part)), bool(self.verbose)),
                )
        self.classes_ = classes
        self.config_ = config
        self.encoder_ = encoder
        self.network_ = network.eval()
        self.history_ = [epoch.as_json() for epoch in result.history]
        self.best_epoch_ = result.best_epoch
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The most probable label of each sequence, in the dtype of the labels; X and errors as `predict_proba`."""
        chosen = self.predict_proba(X).argmax(1)
        return self.classes_[chosen]

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """Class probabilities `(n, classes)`, columns as `classes_`; each row depends on its own sequence alone.

        Args:
            X: sequences in a form that `fit` takes; arrays of series have their axes in the order of `axes`.

        Raises:
            sklearn.exceptions.NotFittedError: `fit` was not called.
            InputError: X cannot be used; a `ValueError`, as scikit-learn's own refusals are.
        """
        check_is_fitted(self)
        with as_value_errors():
            examples, _ = self._examples(X, reset=False)
            part = EncodedPart(*self.encoder_.encode(examples))
            with borrowed(self.config_.run.threads, self.network_.head.weight.device):
                return probabilities(self.network_, part)

    def explain(self, x: Item, *, most_classes: int = 10, n_orders: int = 20, seed: int = 0) -> "Explanation":
        """The prediction for one example from the inside; see `Predictor.explain`.

        Labels are strings in it, in the order of `classes_`. A series is in the form that `fit` had: `(channels, time)`
        with axes="nct" and of a model fitted on a 3-D array without `axes`, else `(time, channels)`.

        Raises:
            sklearn.exceptions.NotFittedError: `fit` was not called.
            InputError: x cannot be used; a `ValueError`, as scikit-learn's own refusals are.
        """
        from lstmkit.analyze.explanation import explain  # prediction does without it

        check_is_fitted(self)
        with as_value_errors(), borrowed(self.config_.run.threads, self.network_.head.weight.device):
            example = example_of(x, self.encoder_, form=self.axes_)
            labels = [str(label) for label in self.classes_.tolist()]
            return explain(
                self.network_, self.encoder_, labels, example, most_classes=most_classes, n_orders=n_orders, seed=seed
            )

    def save(self, folder: str | Path) -> None:
        """Write the fitted estimator: `model/`, which `lstmkit.load` reads too, and `estimator.json`. No pickle.

        Whole or not at all; an estimator saved there before is replaced. A RandomState for random_state becomes None.

        Raises:
            sklearn.exceptions.NotFittedError: `fit` was not called.
            RequestError: the folder holds something else.
        """
        check_is_fitted(self)
        state = {
            "classes": {"dtype": self.classes_.dtype.str, "values": self.classes_.tolist()},
            "parameters": {name: plain(value) for name, value in self.get_params().items()},
            "config": self.config_.model_dump(),
            "history": self.history_,
            "best_epoch": self.best_epoch_,
            "n_features_in": getattr(self, "n_features_in_", None),
            "feature_names_in": [str(name) for name in getattr(self, "feature_names_in_", [])],
        }
        if isinstance(self.random_state, np.random.RandomState):
            state["parameters"]["random_state"] = None
        longest = self.network_.recurrence.chrono_length
        architecture = architecture_of(self.config_, self.encoder_.shape, len(self.classes_), longest)
        names = [str(label) for label in self.classes_.tolist()]
        write_estimator(
            Path(folder),
            _ABOUT,
            state,
            lambda place: save_artifact(place, self.network_, architecture, self.encoder_, names, axes=self.axes_),
        )

    @classmethod
    def load(cls, folder: str | Path) -> "SequenceClassifier":
        """Read an estimator that `save` wrote; its network is on the CPU. Runs no code of the folder's.

        Raises:
            ArtifactError: the folder holds no saved estimator, or a file is damaged or of a newer format.
        """
        folder = Path(folder)
        state = read_estimator(folder, _ABOUT, cls.__name__, cls().get_params())
        with described(folder / _ABOUT):
            classes = np.array(state["classes"]["values"], dtype=np.dtype(state["classes"]["dtype"]))
            config = validate(state["config"])
        artifact = load_artifact(within(folder, MODEL), config.run.engine)
        if classes.dtype.kind not in LABEL_KINDS or [str(value) for value in classes.tolist()] != artifact.labels:
            raise ArtifactError(f"{folder / _ABOUT}: its labels are not those of {MODEL}/; save the estimator again")
        estimator = cls(**state["parameters"])
        estimator.classes_ = classes
        estimator.config_ = config
        estimator.encoder_ = artifact.encoder
        estimator.axes_ = artifact.axes
        estimator.network_ = artifact.network
        estimator.history_ = state["history"]
        estimator.best_epoch_ = state["best_epoch"]
        if state["n_features_in"] is not None:
            estimator.n_features_in_ = state["n_features_in"]
        if state["feature_names_in"]:
            vars(estimator)["feature_names_in_"] = np.array(state["feature_names_in"], dtype=object)
        return estimator

    def __sklearn_tags__(self) -> Tags:
        """Tokens are categories, given as whole numbers or strings; series are numbers in three dimensions."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags

    def _examples(self, X: Any, reset: bool) -> tuple[list[Any], Sort]:  # noqa: N803
        """X as the encoder takes it, and what it holds; with `reset`, also learn how wide later ones have to be."""
        items = self._items(X, reset)
        sort = sort_of(items)
        reads_series = sort == "series" if reset else isinstance(self.encoder_, SeriesEncoder)
        if reads_series != (sort == "series"):
            fitted, came = ("series", "texts or tokens") if reads_series else ("texts or tokens", "series")
            raise DataError(f"X holds {came}, and this SequenceClassifier was fitted on {fitted}; give such examples")
        if reset:
            self.axes_: ArrayForm | None = form_of(items, checked_axes(self.axes)) if sort == "series" else None
        if sort != "series":
            texts = texts_of(items)
            if reset:
                _check_applies(self.get_params(deep=False), sort)
                if self.tokenizer == "auto":
                    refuse_values(items, texts)
            return texts, sort
        series = series_of(items, 0 if reset else self.n_features_in_, form=self.axes_)
        if reset:
            _check_applies(self.get_params(deep=False), sort)
        self.n_features_in_ = series[0].shape[1]
        return series, sort

    def _items(self, X: Any, reset: bool) -> Sequence[Item]:  # noqa: N803
        """X as a sequence of examples (a 3-D array is one too); with `reset`, also learn how wide arrays have to be."""
        if reset:
            for name in ("n_features_in_", "feature_names_in_"):
                vars(self).pop(name, None)
        if isinstance(X, str):
            raise DataError("X is one string; give a list of texts, as [text]")
        found = X if issparse(X) else opened(X)
        if isinstance(found, np.ndarray):
            if found.ndim == 3:
                if not len(found):
                    raise DataError("X holds no examples; give one or more")
                return cast("Sequence[Item]", found)
            if found.ndim == 1 and found.dtype.kind in "OUT":
                return self._listed(found.tolist(), reset)
            if found.ndim == 1:
                raise DataError(
                    f"X has one axis and holds {found.dtype}, one value for each example, which is no sequence. "
                    "Reshape your data: series as (n, channels, time), tokens as rows"
                )
            refuse_masked(found, "X holds tokens, of which none can be missing; series have three axes")
            return _validated(self, X if is_frame(X) else found, reset).tolist()
        if issparse(X):
            return _validated(self, X, reset).tolist()
        if not isinstance(found, Sequence):
            raise DataError(f"X is a {type(X).__name__}; give a list of texts, a list of token lists, or an array")
        return self._listed(found, reset)

    def _listed(self, items: Sequence[Item], reset: bool) -> Sequence[Item]:
        if not len(items):
            raise DataError("X holds no examples; give one or more")
        is_wide = sort_of(items[:1]) == "tokens"
        if reset and is_wide and not any(isinstance(item, str) or not has_length(item) for item in items):
            widths = {len(item) for item in items}
            if len(widths) == 1:
                self.n_features_in_ = widths.pop()
        return items


def _validated(estimator: SequenceClassifier, X: Any, reset: bool) -> np.ndarray:  # noqa: N803
    """X as an array of two axes, checked and its columns kept by scikit-learn.

    Raises:
        ValueError: X is no such array, or is of another width than in `fit`.
        DataError: X misses a value, or is a data frame of several columns, one of them of texts.
    """
    try:
        found = cast("np.ndarray", validate_data(estimator, X, dtype=None, reset=reset))
    except ValueError as error:
        if "contains NaN" not in str(error):
            raise
        raise DataError("Input X contains NaN; no token can be missing, and series have three axes") from error
    if is_frame(X):
        for name, value in zip(X.columns, found[0].tolist(), strict=True):
            if isinstance(value, str) and len(value.split()) > 1:
                raise DataError(
                    f"X is a data frame of {found.shape[1]} columns, and {name!r} holds texts; give that column alone, "
                    f"as X[{name!r}]"
                )
    return found


def _check_applies(parameters: dict[str, Any], sort: Sort) -> None:
    """See that no parameter was set that the kind of X has no use for.

    Raises:
        RequestError: one was.
    """
    if sort != "series":
        if checked_axes(parameters["axes"]):
            raise RequestError(
                f"axes={parameters['axes']!r} is of arrays of numeric series, and X holds texts or tokens; leave it out"
            )
        return
    usual = SequenceClassifier().get_params(deep=False)
    for name in _OF_TOKENS:
        if plain(parameters[name]) != usual[name]:
            raise RequestError(
                f"{name}={parameters[name]!r} is of texts and tokens, and X holds numeric series; leave it at its "
                f"default, {usual[name]!r}"
            )


def _encode(encoder: AnyEncoder, examples: list[Any], codes: np.ndarray) -> EncodedPart:
    rows, offsets = encoder.encode(examples)
    return EncodedPart(rows, offsets, codes)
