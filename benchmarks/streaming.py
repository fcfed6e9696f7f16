"""Steps a second while sequences arrive: a stream and pools of streams, beside the same network step by step elsewhere.

    python benchmarks/streaming.py --json streaming.jsonl

A step is a whole push: a word or the numbers of a step in, class probabilities out, with pooling and head. The network
is an untrained one of one direction and layer, over words drawn by Zipf's law, or over series of 12 channels of which a
twentieth of the values is missing. `nn.LSTM` keeps its state, and pools by hand, under `inference_mode`; it is given
token numbers, or rows that are scaled and filled already, in a tensor, where lstmkit is given words or raw numbers.
Keras runs one stateful layer at batches of one step, pooled by hand in numpy. All must give the same probabilities.

A forecaster's stream reads its window again at each push. It is of preset `default`, a year of months ahead from two
years, and stands beside `predict_quantiles`, which is given each window cut out already.
"""

import argparse
import importlib.util
import json
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import FULL, QUICK, Effort, machine, print_machine, side_by_side

from lstmkit.api.forecaster import ForecastPredictor
from lstmkit.api.predictor import Predictor
from lstmkit.artifact import Artifact, ForecastArtifact
from lstmkit.config.resolve import resolve
from lstmkit.config.schema import EncoderConfig
from lstmkit.data.encoder import Encoder
from lstmkit.data.series import SeriesEncoder
from lstmkit.data.windows import WindowEncoder
from lstmkit.models.build import architecture_of, build_from
from lstmkit.models.quantiles import n_outputs

_VOCABULARY = 10_000
_CHANNELS, _MISSING = 12, 0.05
_STEPS = 200  # of each stream in a run

Steps = Sequence[Sequence[str]] | np.ndarray
"""A word for each stream at each step, or float32 `(steps, streams, channels)`."""
Subject = Callable[[], np.ndarray]
"""Takes all steps from the beginning; the last answers, `(streams, classes)` or `(streams, horizon, quantiles)`."""


def model_of(hidden: int, embedding: int = 128, pooling: str = "max_mean", vocabulary: int = _VOCABULARY) -> Artifact:
    """An untrained model over words."""
    words = " ".join(f"w{k}" for k in range(vocabulary - 1))
    encoder = Encoder.fit([words], EncoderConfig(min_frequency=1, vocabulary_size=vocabulary), "text")
    return _untrained(encoder, hidden, embedding, pooling)


def series_model_of(hidden: int, embedding: int = 128, pooling: str = "max_mean") -> Artifact:
    """An untrained model over series."""
    names = [str(k) for k in range(_CHANNELS)]
    encoder = SeriesEncoder.fit([series_of(1, 1000)[:, 0]], EncoderConfig(), names)
    return _untrained(encoder, hidden, embedding, pooling)


def _untrained(encoder: Encoder | SeriesEncoder, hidden: int, embedding: int, pooling: str) -> Artifact:
    about = {
        **encoder.shape,
        **{"n_classes": 2, "embedding_size": embedding, "hidden_size": hidden, "pooling": pooling},
    }
    torch.manual_seed(0)
    return Artifact(build_from(about, "auto").eval(), encoder, ["neg", "pos"], about)


def forecaster_of() -> ForecastArtifact:
    """An untrained forecaster of preset `default` over months: a year ahead, from the last two."""
    encoder = WindowEncoder(
        columns=("y",),
        known_ahead=(),
        horizon=12,
        context=24,
        season=12,
        base="last",
        means=(0.0,),
        deviations=(1.0,),
        masked=(),
    )
    config = resolve(overrides={"task.goal": "forecast"})
    about = architecture_of(config, encoder.shape, n_outputs(encoder.horizon))
    torch.manual_seed(0)
    return ForecastArtifact(build_from(about, "auto").eval(), encoder, about, {})


def words_of(vocabulary: int, n_streams: int, n_steps: int) -> list[list[str]]:
    """A word for each stream at each step, drawn by Zipf's law."""
    random = np.random.default_rng(0)
    weights = 1 / np.arange(1, vocabulary)
    drawn = random.choice(vocabulary - 1, (n_steps, n_streams), p=weights / weights.sum())
    return [[f"w{k}" for k in row] for row in drawn.tolist()]


def series_of(n_streams: int, n_steps: int) -> np.ndarray:
    """The numbers of each stream at each step, some missing: `(steps, streams, channels)`."""
    random = np.random.default_rng(0)
    values = random.standard_normal((n_steps, n_streams, _CHANNELS))
    return np.where(random.random(values.shape) < _MISSING, np.nan, values).astype(np.float32)


def inputs_of(artifact: Artifact, steps: Steps) -> list[torch.Tensor]:
    """What the network reads at each step, without lstmkit's streams: token numbers, or scaled and filled rows."""
    encoder = artifact.encoder
    if isinstance(encoder, Encoder):
        return [torch.tensor([encoder.numbers(word)[0] for word in row]) for row in steps]
    streams = np.swapaxes(np.asarray(steps), 0, 1)
    rows, _ = encoder.encode(list(streams))
    return list(torch.from_numpy(rows.reshape(*streams.shape[:2], -1).swapaxes(0, 1).copy()))


def stream_subject(model: Predictor | ForecastPredictor, steps: Steps) -> Subject:
    """One stream."""
    stream = model.stream()

    def run() -> np.ndarray:
        stream.reset()
        for (step,) in steps:
            answer = stream.push(step)
        return answer[None]

    return run


def pool_subject(model: Predictor | ForecastPredictor, steps: Steps) -> Subject:
    """A pool, all streams pushed at once."""
    pool = model.stream_pool()
    ids = [pool.join() for _ in steps[0]]

    def run() -> np.ndarray:
        for stream in ids:
            pool.reset(stream)
        for row in steps:
            answers = pool.push(ids, row)
        return answers

    return run


def windows_subject(model: ForecastPredictor, steps: np.ndarray) -> Subject:
    """`predict_quantiles` of the window at each step, from the second on."""
    context = model.describe()["context"]
    series = np.swapaxes(steps, 0, 1)

    def run() -> np.ndarray:
        for end in range(2, len(steps) + 1):
            answers = model.predict_quantiles(list(series[:, max(0, end - context) : end]))
        return answers

    return run


def torch_subject(artifact: Artifact, steps: Steps) -> Subject:
    """The same network as `nn.LSTM` called step by step, with max and mean pooling and the head."""
    network = artifact.network
    weights = network.recurrence.state_dict()
    lstm = torch.nn.LSTM(artifact.architecture["embedding_size"], network.recurrence.hidden_size)
    lstm.load_state_dict(weights)
    inputs = [row[None] for row in inputs_of(artifact, steps)]

    def run() -> np.ndarray:
        with torch.inference_mode():
            state, largest, total = None, None, None
            for n, row in enumerate(inputs, 1):
                output, state = lstm(network.embedding(row), state)
                largest = output[0] if largest is None else torch.maximum(largest, output[0])
                total = output[0].double() if total is None else total + output[0]
                pooled = torch.cat([largest, (total / n).float()], 1)
                answers = network.head(pooled).double().softmax(1).numpy()
        return answers

    return run


def keras_subject(artifact: Artifact, steps: Steps) -> Subject:
    """One stateful Keras layer called step by step, pooled by hand."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    network = artifact.network
    weights = {name: tensor.numpy() for name, tensor in network.recurrence.state_dict().items()}
    width, head = artifact.architecture["embedding_size"], network.head
    table = network.embedding.weight.detach().numpy()
    head_weight, head_bias = head.weight.detach().numpy().T, head.bias.detach().numpy()
    layer = keras.layers.LSTM(network.recurrence.hidden_size, stateful=True)
    model = keras.Sequential([keras.layers.Input((1, width), batch_size=len(steps[0])), layer])
    # Keras' gates are in torch's order (i f g o), transposed, and with one bias.
    layer.set_weights(
        [weights["weight_ih_l0"].T, weights["weight_hh_l0"].T, weights["bias_ih_l0"] + weights["bias_hh_l0"]]
    )
    inputs = [row.numpy() for row in inputs_of(artifact, steps)]
    project = network.embedding.bias.detach().numpy() if artifact.architecture.get("n_features") else None

    def run() -> np.ndarray:
        layer.reset_states()
        largest, total = np.float32(-np.inf), 0.0
        for n, row in enumerate(inputs, 1):
            embedded = table[row] if project is None else row @ table.T + project
            output = np.asarray(model.predict_on_batch(embedded[:, None]))
            largest, total = np.maximum(largest, output), total + output
            logits = np.concatenate([largest, total / n], 1) @ head_weight + head_bias
            odds = np.exp(logits - logits.max(1, keepdims=True))
            answers = odds / odds.sum(1, keepdims=True)
        return answers

    return run


def measure(
    effort: Effort,
    hidden: int = 128,
    vocabulary: int = _VOCABULARY,
    n_steps: int = _STEPS,
    sizes: tuple[int, ...] = (1, 16, 256),
) -> Iterator[dict[str, Any]]:
    """One row for the single stream and one for each pool, over words and then over series.

    Raises:
        RuntimeError: a subject's answers are not lstmkit's.
    """
    has_keras = importlib.util.find_spec("keras") is not None
    kinds = [("stream", 1), *(("pool", size) for size in sizes)]
    models = {"words": model_of(hidden, vocabulary=vocabulary), "series": series_model_of(hidden)}
    for over, (kind, n_streams) in product(models, kinds):
        artifact = models[over]
        steps = words_of(vocabulary, n_streams, n_steps) if over == "words" else series_of(n_streams, n_steps)
        made = stream_subject if kind == "stream" else pool_subject
        subjects = {"lstmkit": made(Predictor(artifact), steps), "nn.LSTM": torch_subject(artifact, steps)}
        if has_keras:
            subjects["Keras"] = keras_subject(artifact, steps)
        about = {"over": over, "kind": kind, "streams": n_streams, "hidden": hidden, "steps": n_steps}
        yield about | _measured(subjects, n_steps * n_streams, effort)


def measure_forecasts(
    effort: Effort, n_steps: int = _STEPS, sizes: tuple[int, ...] = (1, 64)
) -> Iterator[dict[str, Any]]:
    """As `measure`, of a forecaster."""
    model = ForecastPredictor(forecaster_of())
    for kind, n_streams in [("stream", 1), *(("pool", size) for size in sizes)]:
        steps = np.random.default_rng(0).standard_normal((n_steps, n_streams, 1)).cumsum(0)
        made = stream_subject if kind == "stream" else pool_subject
        subjects = {"lstmkit": made(model, steps), "predict_quantiles": windows_subject(model, steps)}
        about = {"over": "forecasts", "kind": kind, "streams": n_streams, "steps": n_steps}
        yield about | _measured(subjects, n_steps * n_streams, effort)


def _measured(subjects: dict[str, Subject], n_steps: int, effort: Effort) -> dict[str, Any]:
    """Steps a second of each, of all streams together.

    Raises:
        RuntimeError: a subject's answers are not lstmkit's.
    """
    expected = subjects["lstmkit"]()
    for name, subject in subjects.items():
        difference = float(np.abs(subject() - expected).max())
        if difference > 1e-5:
            raise RuntimeError(f"{name} gives other answers than lstmkit, by {difference:.1e}")
    spreads = side_by_side(subjects, effort)
    return {
        name: {
            "steps_per_second": round(n_steps / spread.median_ms * 1e3),
            "slowest": round(n_steps / spread.most_ms * 1e3),
            "quickest": round(n_steps / spread.least_ms * 1e3),
            "runs": spread.n_runs,
        }
        for name, spread in spreads.items()
    }


def main() -> None:
    """Measure, print a table, and write the rows where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the header and a row for each measurement")
    parser.add_argument("--threads", type=int, default=1, help="threads (1: the figures are those of one core)")
    parser.add_argument("--hidden", type=int, default=128, help="units (128)")
    parser.add_argument("--quick", action="store_true", help="fewer runs")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    header = machine()
    print_machine(header)
    if importlib.util.find_spec("keras") is None:
        print("Keras: skipped, it is not installed; pip install 'lstmkit[bench]'")
    rows = [header]
    effort = QUICK if given.quick else FULL
    for row in chain(measure(effort, given.hidden), measure_forecasts(effort)):
        name = f"{row['over']}, {'one stream' if row['kind'] == 'stream' else 'a pool of ' + str(row['streams'])}"
        rates = {key: value for key, value in row.items() if isinstance(value, dict)}
        cells = "   ".join(
            f"{key} {rate['steps_per_second']:>9,} ({rate['slowest']:,} to {rate['quickest']:,})"
            for key, rate in rates.items()
        )
        print(f"{name:<24}   {cells}   steps a second", flush=True)
        rows.append(row)
    if given.json:
        given.json.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


if __name__ == "__main__":
    main()
