"""An explained series: complete, in agreement with Captum and a case by hand, with gaps, cuts, and nothing to tell."""

import base64
import json
from pathlib import Path
from typing import Any

import captum.attr
import numpy as np
import pytest
import torch
from torch import Tensor
from traced_toys import CELLS, POOLINGS, network

from lstmkit.analyze import attribution, series_recording
from lstmkit.analyze.attribution import integrated_gradients, log_odds
from lstmkit.analyze.deletion import deletion_curve
from lstmkit.analyze.explained import SeriesExplanation
from lstmkit.analyze.explanation import explain
from lstmkit.analyze.recording import record_of
from lstmkit.analyze.running import running_probabilities
from lstmkit.config.schema import EncoderConfig
from lstmkit.core.errors import DataError
from lstmkit.data.series import SeriesEncoder
from lstmkit.models import Classifier
from lstmkit.ragged import Layout, Ragged
from lstmkit.report import draw_explanation
from lstmkit.report.explained_series import Cells, ReadSeries

LABELS = ["x", "y", "z"]
NAN = float("nan")
RANDOM = np.random.default_rng(3)
ROWS = RANDOM.normal(size=(9, 4)).astype(np.float32)
TRAINING = [
    np.stack([RANDOM.normal(5, 2, 8), np.full(8, 7.0), RANDOM.normal(-1, 0.1, 8)], 1).astype(np.float32)
    for _ in range(6)
]
TRAINING[0][2, 2] = NAN  # so that the third channel has a mask
SERIES = np.array([[3, 7, NAN], [8, 7, -1.2], [5, 7, NAN], [NAN, 7, NAN], [1, 7, -0.8]], dtype=np.float32)


def reader(**keywords: Any) -> Classifier:
    """A network over four features."""
    return network(keywords.pop("dtype", torch.float32), vocabulary_size=0, n_features=4, **keywords)


def encoder(max_length: int = 100, truncate: str = "ends") -> SeriesEncoder:
    """Of a channel around 5, a constant one, and one with gaps."""
    config = EncoderConfig(max_length=max_length, truncate=truncate)  # type: ignore[arg-type]
    return SeriesEncoder.fit(TRAINING, config, ("level", "still", "thin"))


def explained(series: np.ndarray = SERIES, max_length: int = 100, truncate: str = "ends", **kw: Any) -> Any:
    return explain(reader(**kw), encoder(max_length, truncate), LABELS, series)


@pytest.mark.parametrize("cell", CELLS)
def test_captum_agrees_feature_by_feature(cell: str) -> None:
    model = reader(dtype=torch.float64, cell=cell, pooling="mean", bidirectional=True)

    def forward(rows: Tensor) -> Tensor:
        layout = Layout(torch.full((len(rows),), len(ROWS)))
        laid = model.embed(rows.transpose(0, 1).reshape(layout.n_rows, -1))
        return log_odds(model.read_embedded(Ragged(laid, layout, torch.arange(len(rows)))))

    captums = captum.attr.IntegratedGradients(forward)
    for baseline in (np.zeros(4), ROWS.mean(0).astype(np.float64)):
        start = torch.from_numpy(np.broadcast_to(baseline, ROWS.shape).copy())[None]
        inputs = torch.from_numpy(ROWS.astype(np.float64))[None]
        for number in range(3):
            wanted = captums.attribute(inputs, start, target=number, n_steps=100, method="gausslegendre")
            found = integrated_gradients(model, ROWS, [number], baseline)
            assert found.by_feature is not None
            np.testing.assert_allclose(
                found.by_feature[0], wanted[0].numpy(), atol=1e-4 * np.abs(found.by_feature).sum()
            )
            np.testing.assert_array_equal(found.by_feature.sum(2), found.values)


@pytest.mark.parametrize("n_steps", [1, 9])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_the_sum_is_the_difference(cell: str, pooling: str, bidirectional: bool, n_steps: int) -> None:
    model = reader(cell=cell, pooling=pooling, bidirectional=bidirectional)
    rows = ROWS[:n_steps]
    found = integrated_gradients(model, rows, [2, 0])
    assert found.is_complete.all()
    ends = [model(Ragged.from_sequences([torch.from_numpy(one)])) for one in (rows, 0 * rows)]
    (at_input,), (at_baseline,) = (log_odds(end)[:, [2, 0]].detach().numpy() for end in ends)
    np.testing.assert_allclose(found.values.sum(1), at_input - at_baseline, rtol=0.01, atol=0.001)


def test_a_case_by_hand() -> None:
    # No recurrence, states pooled by their mean, so small that tanh is a line: a value's attribution is its own share.
    model = reader(dtype=torch.float64, cell="rnn", pooling="mean", n_classes=2, embedding_size=1, hidden_size=1)
    weights = torch.tensor([[1.0, -2.0, 0.0, 0.5]])
    with torch.no_grad():
        for name, parameter in model.recurrence.named_parameters():
            parameter.fill_(1e-4 if name.startswith("weight_ih") else 0)
        model.embedding.weight.copy_(weights)
        model.head.weight.copy_(torch.tensor([[3e4], [-1e4]]))
    found = integrated_gradients(model, ROWS, [0, 1])
    wanted = (3e4 + 1e4) * 1e-4 * weights.numpy() * ROWS / len(ROWS)
    np.testing.assert_allclose(found.by_feature, [wanted, -wanted], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_running_answer_is_that_to_each_beginning(pooling: str, bidirectional: bool) -> None:
    model = reader(pooling=pooling, bidirectional=bidirectional)
    found = running_probabilities(model, ROWS)
    for length, row in zip(found.lengths, found.probabilities, strict=True):
        alone = model(Ragged.from_sequences([torch.from_numpy(ROWS[:length])]))
        np.testing.assert_allclose(row, alone.double().softmax(1)[0].detach().numpy(), atol=1e-6)


def test_values_are_deleted_with_their_mask_and_the_end_is_the_baseline() -> None:
    model, channel_of = reader(), np.array([0, 1, 2, 1])
    values = np.random.default_rng(0).normal(size=(9, 3))
    found = deletion_curve(model, ROWS, values, 1, channel_of=channel_of, n_orders=4)
    assert found.n_deleted[[0, -1]].tolist() == [0, 27]
    left, order = ROWS.copy(), np.argsort(-values.reshape(-1))
    for point, (start, end) in enumerate(zip([0, *found.n_deleted[:-1]], found.n_deleted, strict=True)):
        for place in order[start:end]:
            step, channel = divmod(int(place), 3)
            left[step, channel_of == channel] = 0
        wanted = model(Ragged.from_sequences([torch.from_numpy(left)])).double().softmax(1)[0, 1].item()
        assert found.ordered[point] == pytest.approx(wanted, abs=1e-6)
    assert not left.any()
    np.testing.assert_allclose(found.random[:, -1], found.ordered[-1], atol=1e-6)


def test_curves_made_in_pieces_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    model, values = reader(), np.random.default_rng(0).normal(size=(9, 4))
    whole = deletion_curve(model, ROWS, values, 1, channel_of=np.arange(4))
    monkeypatch.setattr("lstmkit.analyze.deletion._NUMBERS", 1000)
    pieces = deletion_curve(model, ROWS, values, 1, channel_of=np.arange(4))
    np.testing.assert_allclose(pieces.random, whole.random, atol=1e-6)


@pytest.mark.parametrize("pooling", ["last", "max_mean"])
@pytest.mark.parametrize("cell", CELLS)
def test_gaps_count_for_their_channel_and_a_constant_one_for_nothing(cell: str, pooling: str) -> None:
    found = explained(cell=cell, pooling=pooling, bidirectional=True)
    assert isinstance(found, SeriesExplanation)
    assert found.channel_of.tolist() == [0, 1, 2, 2]
    assert found.attribution.by_feature is not None
    np.testing.assert_allclose(
        found.by_channel[..., 2], found.attribution.by_feature[..., 2] + found.attribution.by_feature[..., 3]
    )
    assert not found.by_channel[..., 1].any()
    # The first step of the third channel is read as its mean: what it adds there is that it is missing, and no more.
    assert not found.attribution.by_feature[:, 0, 2].any()
    assert found.attribution.by_feature[:, 0, 3].all()
    np.testing.assert_allclose(found.by_channel.sum(2), found.attribution.values)
    assert found.attribution.is_complete.all()
    np.testing.assert_allclose(found.filled[:, 2], [found.means[2], -1.2, -1.2, -1.2, -0.8], rtol=1e-5)
    np.testing.assert_allclose(found.filled[3, 0], 5, rtol=1e-6)
    np.testing.assert_array_equal(np.isnan(found.values), np.isnan(SERIES))
    np.testing.assert_allclose(found.running.probabilities[-1], found.probabilities, atol=1e-6)
    assert found.deletion is not None
    assert found.deletion.n_deleted[-1] == 15
    assert [len(layer) for layer in found.layers] == [2]
    assert found.layers[0][0].hidden.shape == (5, 6)


@pytest.mark.parametrize(
    ("truncate", "kept", "hole"), [("head", [0, 1, 2], 3), ("tail", [2, 3, 4], 0), ("ends", [0, 1, 4], 2)]
)
def test_a_series_that_is_too_long_is_cut_where_the_model_cuts_it(truncate: str, kept: list[int], hole: int) -> None:
    found = explained(max_length=3, truncate=truncate)
    assert (found.places.tolist(), found.n_given, found.hole) == (kept, 5, hole)
    np.testing.assert_array_equal(found.values, SERIES[kept])
    assert explained(max_length=5, truncate=truncate).hole is None
    record = record_of(found)
    assert (record["n_given"], record["n_read"], record["hole"]) == (5, 3, hole)


def test_one_value_and_the_baseline_itself_have_no_order_to_test() -> None:
    model = network(torch.float32, vocabulary_size=0, n_features=1)
    one = SeriesEncoder.fit([np.array([[1.0], [3.0]], np.float32)], EncoderConfig(), ("only",))
    found = explain(model, one, LABELS, np.array([[2.5]], np.float32))
    assert found.deletion is None
    assert found.running.probabilities.shape == (1, 3)
    mean = explain(model, one, LABELS, np.full((4, 1), 2.0, np.float32))
    assert mean.deletion is None
    assert not mean.attribution.values.any()
    assert mean.attribution.is_complete.all()


def test_another_number_of_channels_is_refused() -> None:
    with pytest.raises(DataError, match="a series with 2 channels came; this model reads 3"):
        explained(SERIES[:, :2])


def test_a_twin_that_scales_otherwise_is_left_out() -> None:
    one = explained()
    assert one.beside(explained(cell="rnn")).twin is not None
    other = one.beside(explained(SERIES + np.float32(1), cell="rnn"))
    assert other.twin_left_out == "the twin scales its input otherwise, or has other channels or other labels"


def test_the_record_holds_values_and_attributions_in_16_bits() -> None:
    found = explained()
    record = record_of(found, label="x")
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    series = ReadSeries.model_validate(record["series"])
    least, most = series.heights()
    lows, highs = np.array(series.lows)[:, None], np.array(series.highs)[:, None]
    np.testing.assert_allclose(lows + (highs - lows) * most, found.filled.T, atol=2e-4)
    np.testing.assert_array_equal(least, most)
    np.testing.assert_array_equal(series.gaps(5), np.isnan(SERIES).T)
    cells = Cells.model_validate(record["models"][0]["attribution"]["cells"])
    np.testing.assert_allclose(cells.values(3, 3), found.by_channel.transpose(0, 2, 1), atol=cells.scale / 60_000)


def test_what_is_thinned_keeps_every_peak_and_every_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series_recording, "MOST_SPANS", 4)
    series = np.random.default_rng(1).normal(5, 2, size=(11, 3)).astype(np.float32)
    series[4:7, 2] = NAN  # all of the second span and none other
    found = explained(series)
    record = record_of(found)
    read = ReadSeries.model_validate(record["series"])
    assert (read.width, read.n_spans(11)) == (3, 4)
    least, most = read.heights()
    filled = found.filled.T
    for k, (start, end) in enumerate([(0, 3), (3, 6), (6, 9), (9, 11)]):
        for shares, wanted in ((least, filled[:, start:end].min(1)), (most, filled[:, start:end].max(1))):
            spread = np.array(read.highs) - read.lows
            np.testing.assert_allclose(read.lows + shares[:, k] * spread, wanted, atol=2e-3)
    assert read.missing[2] == [(4, 6)]
    assert not read.gaps(11).any()  # a span with a value is none
    cells = Cells.model_validate(record["models"][0]["attribution"]["cells"]).values(3, 3)
    np.testing.assert_allclose(cells.sum((1, 2)), found.attribution.values.sum(1), atol=0.001)


@pytest.mark.parametrize(("n_steps", "n_channels", "n_classes"), [(2000, 24, 10), (1000, 80, 10), (5000, 3, 2)])
def test_a_page_stays_under_3_mb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_steps: int, n_channels: int, n_classes: int
) -> None:
    monkeypatch.setattr(attribution, "MOST_STEPS", 16)  # how good the attributions are is not asked here
    random = np.random.default_rng(0)
    series = random.normal(size=(n_steps, n_channels)).astype(np.float32)
    fitted = SeriesEncoder.fit([series], EncoderConfig(max_length=n_steps), [f"channel {k}" for k in range(n_channels)])
    labels = [f"class {k}" for k in range(n_classes)]
    found = []
    for cell in ("lstm", "rnn"):
        size = {"hidden_size": 96, "n_features": n_channels, "n_classes": n_classes}
        model = network(torch.float32, cell=cell, vocabulary_size=0, bidirectional=cell == "lstm", **size)
        found.append(explain(model, fitted, labels, series, most_classes=3, n_orders=1))
    record = record_of(found[0].beside(found[1]))
    path = draw_explanation(record, tmp_path / "page.html")
    assert 1_500_000 < path.stat().st_size < 3_000_000  # what there is room for is shown
    page = path.read_text("utf-8")
    width = record["series"]["width"]
    assert ("spans of" in page) == (width > 1)
    n_codes = len(base64.b64decode(record["models"][0]["attribution"]["cells"]["codes"])) // 2
    assert n_codes == len(record["models"][0]["attribution"]["classes"]) * n_channels * -(-n_steps // width)
