"""A trained run as an object that predicts."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from lstmkit.api.examples import check_axes, example_of, examples_of
from lstmkit.api.forecaster import ForecastPredictor
from lstmkit.api.inputs import Item
from lstmkit.api.numbers import NumberPredictor
from lstmkit.api.series import Axes
from lstmkit.artifact import Artifact, find_model, find_twin, load_artifact, load_forecaster, load_regressor, task_of
from lstmkit.data.encoded import EncodedPart
from lstmkit.models.scoring import probabilities
from lstmkit.nn import Kept, frozen_weights

if TYPE_CHECKING:
    from lstmkit.analyze.explained import Explanation
    from lstmkit.stream import Stream, StreamingModel, StreamPool


class Predictor:
    """Classifies sequences with a trained model.

    Args:
        artifact: as read by `lstmkit.artifact.load_artifact`.
        twin: reads the model of the run's twin, where there is one; called when a prediction is explained.
    """

    def __init__(self, artifact: Artifact, twin: Callable[[], Artifact] | None = None) -> None:
        self._artifact = artifact
        self._twin = twin
        self._kept = Kept()  # the weights are nobody else's, so what is made of them stays good
        self._streams: dict[tuple[int | float | None, int, bool], StreamingModel] = {}

    @property
    def labels(self) -> list[str]:
        """Class names, in the order of the columns of `predict_proba`."""
        return list(self._artifact.labels)

    @property
    def kind(self) -> str:
        """What an example is to the model: words, subwords, characters or tokens of a text, a series, or audio."""
        return self._artifact.encoder.kind

    def predict(self, items: Iterable[Item], *, axes: Axes | None = None) -> list[str]:
        """The most probable label of each example; arguments and errors as `predict_proba` has them."""
        return [self._artifact.labels[k] for k in self.predict_proba(items, axes=axes).argmax(1)]

    def predict_proba(self, items: Iterable[Item], *, axes: Axes | None = None) -> Float[np.ndarray, "n classes"]:
        """Class probabilities `(n, classes)`, rows in the order given; each depends on its own example alone.

        Args:
            items: examples one by one, of the kind that the model reads: strings or lists of tokens; series, arrays or
                lists `(time, channels)`, or `(time,)` of one channel, or all in an array `(n, channels, time)`, unless
                `axes` says another order; recordings as `lstmkit.api.sounds.sounds_of` has them. NaN, None or a mask
                stands for a value of a series that is missing.
            axes: of arrays of series. nct: an array is `(n, channels, time)`, an item of a list `(channels, time)`;
                ntc: `(n, time, channels)` and `(time, channels)`. None: as the model was fitted from Python, or else
                `(n, channels, time)` and `(time, channels)`.

        Raises:
            DataError: an example is empty, or of another kind; `items` is one string and not a list of them; or a 2-D
                array for series, which may be one series or several of one channel: a single one stands in a list.
            RequestError: axes that there are none of, or of a model that reads no series.
        """
        encoder: Any = self._artifact.encoder
        rows, offsets = encoder.encode(examples_of(items, encoder, axes, self._artifact.axes))
        if len(offsets) == 1:
            return np.zeros((0, len(self._artifact.labels)))
        with frozen_weights(self._kept):
            return probabilities(self._artifact.network, EncodedPart(rows, offsets))

    def explain(
        self, item: Item, *, axes: Axes | None = None, most_classes: int = 10, n_orders: int = 20, seed: int = 0
    ) -> "Explanation":
        """One prediction from the inside; the twin's beside it where the run is a lab folder.

        Args:
            item: one example, as for `predict_proba`. Of a model fitted on a 3-D array, a series is in its form.
            axes: of a series: nct: it is `(channels, time)`; ntc: `(time, channels)`. None: as the model was fitted.
            most_classes: how many of the most probable classes are attributed; one gradient along the path for each.
            n_orders: random orders that the deletion curve is compared with.
            seed: draws them.

        Returns:
            Arrays, with their shapes in its docstring: see `lstmkit.analyze.explained.Explanation`.

        Raises:
            DataError: the example is empty, or not of the kind that the model reads.
        """
        from lstmkit.analyze.explanation import explain  # prediction does without it

        models = [self._artifact, *([self._twin()] if self._twin else [])]
        example = example_of(item, self._artifact.encoder, axes, self._artifact.axes)
        found, *others = (
            explain(
                model.network,
                model.encoder,
                model.labels,
                example,
                most_classes=most_classes,
                n_orders=n_orders,
                seed=seed,
            )
            for model in models
        )
        return found.beside(others[0]) if others else found

    def stream(self, *, rate: int | float | None = None, channels: int = 1, axes: Axes | None = None) -> "Stream":
        """A sequence that is still arriving, to be pushed step by step; see `lstmkit.stream.Stream`.

        Args:
            rate: for a model of recordings, of the samples pushed, in Hz; None: the rate that the model reads.
            channels: for a model of recordings, of the samples pushed; more than one are averaged.
            axes: for a model of series: nct: a chunk of steps is pushed as `(channels, time)`; ntc: as `(time,
                channels)`. None: as `axes` was when the model was fitted, or else `(time, channels)`.

        Raises:
            RequestError: the model reads from both ends, so that it has no answer before the end; or a rate, channels
                or axes came that cannot be, or for another kind of sequence.
        """
        from lstmkit.stream import Stream

        return Stream(self._streaming(rate, channels, axes))

    def stream_pool(
        self, *, rate: int | float | None = None, channels: int = 1, axes: Axes | None = None
    ) -> "StreamPool":
        """Many such sequences, advanced in one call; see `lstmkit.stream.StreamPool`.

        Args:
            rate, channels, axes: as for `stream`, of all streams of the pool.

        Raises:
            RequestError: as for `stream`.
        """
        from lstmkit.stream import StreamPool

        return StreamPool(self._streaming(rate, channels, axes))

    def _streaming(self, rate: int | float | None, channels: int, axes: Axes | None = None) -> "StreamingModel":
        from lstmkit.stream import StreamingModel

        check_axes(axes, self._artifact.encoder)
        key = rate, channels, (axes or self._artifact.axes) == "nct"
        if key not in self._streams:
            self._streams[key] = StreamingModel(self._artifact, rate, channels, channels_first=key[2])
        return self._streams[key]

    def describe(self) -> dict[str, Any]:
        """The model in a few plain words and numbers."""
        return {"labels": self.labels, "parameters": self._artifact.network.n_parameters()["total"]}


def load(run: str | Path, engine: str = "auto") -> Any:
    """Load a trained run (a run folder, a lab folder, a saved estimator, or a model folder).

    Args:
        run: the folder.
        engine: implementation of the recurrence; see `lstmkit.nn.choose_engine`.

    Returns:
        What suits the run's task: a `Predictor`; of a forecaster a `lstmkit.api.forecaster.ForecastPredictor`; of a
        regression a `lstmkit.api.numbers.NumberPredictor`.

    Raises:
        ArtifactError: the folder is no run, or a file of the model is absent, damaged or of a newer format.
    """
    model = find_model(Path(run))
    return _LOADERS[task_of(model)](Path(run), model, engine)


def load_classifier(run: str | Path, engine: str = "auto") -> Predictor:
    """As `load`, of a run that classifies.

    Raises:
        RequestError: the run does something else.
    """
    twin = find_twin(Path(run))
    return Predictor(load_artifact(find_model(Path(run)), engine), twin and partial(load_artifact, twin, engine))


def _classifier(run: Path, model: Path, engine: str) -> Predictor:
    del model
    return load_classifier(run, engine)


def _forecaster(run: Path, model: Path, engine: str) -> ForecastPredictor:
    del run
    return ForecastPredictor(load_forecaster(model, engine))


def _regressor(run: Path, model: Path, engine: str) -> NumberPredictor:
    del run
    return NumberPredictor(load_regressor(model, engine))


_LOADERS: dict[str, Callable[[Path, Path, str], Any]] = {
    "classify": _classifier,
    "forecast": _forecaster,
    "regression": _regressor,
}
