"""The parts of an explanation: running answers, deletion, gates, and the record that a page is drawn from."""

import base64
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from large_explanation import large_explanation
from traced_toys import CELLS, POOLINGS, network

from lstmkit.analyze import recording, running, traced
from lstmkit.analyze.deletion import Deletion, deletion_curve
from lstmkit.analyze.explained import TextExplanation
from lstmkit.analyze.explanation import explain
from lstmkit.analyze.recording import FORGETTING, record_of
from lstmkit.analyze.running import running_probabilities
from lstmkit.config.schema import EncoderConfig
from lstmkit.core.errors import DataError, LstmkitError
from lstmkit.data.encoder import Encoder
from lstmkit.ragged import Ragged
from lstmkit.report import draw_explanation

TOKENS = np.array([3, 1, 4, 1, 5, 9, 2, 6], dtype=np.int32)
LABELS = ["x", "y", "z"]
WORDS = "a b c d e f g h i"


def encoder(max_length: int = 400, truncate: str = "ends") -> Encoder:
    """Nine words and the unknown one: the vocabulary of the toy networks."""
    config = EncoderConfig(vocabulary_size=10, min_frequency=1, max_length=max_length, truncate=truncate)  # type: ignore[arg-type]
    return Encoder.fit([WORDS], config, "text")


def explained(
    text: str, cell: str = "lstm", max_length: int = 400, truncate: str = "ends", **keywords: object
) -> TextExplanation:
    return explain(network(torch.float32, cell=cell, **keywords), encoder(max_length, truncate), LABELS, text)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_the_running_answer_is_that_to_each_beginning(cell: str, pooling: str, bidirectional: bool) -> None:
    model = network(torch.float32, cell=cell, pooling=pooling, bidirectional=bidirectional, num_layers=2)
    found = running_probabilities(model, TOKENS)
    assert found.lengths.tolist() == list(range(1, len(TOKENS) + 1))
    for length, row in zip(found.lengths, found.probabilities, strict=True):
        alone = model(Ragged.from_sequences([torch.from_numpy(TOKENS[:length]).long()]))
        np.testing.assert_allclose(row, alone.double().softmax(1)[0].detach().numpy(), atol=1e-6)


def test_a_long_sequence_read_from_both_ends_is_asked_at_some_beginnings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_ROWS", 100)
    tokens = np.arange(40, dtype=np.int32) % 10
    found = running_probabilities(network(torch.float32, bidirectional=True), tokens)
    assert found.lengths[[0, -1]].tolist() == [1, 40]
    assert len(found.lengths) == 5
    whole = running_probabilities(network(torch.float32, bidirectional=True), tokens[:1])
    np.testing.assert_allclose(found.probabilities[0], whole.probabilities[0], atol=1e-6)


def test_deletion_goes_by_falling_attribution_and_ends_at_the_baseline() -> None:
    model = network(torch.float32)
    values = np.array([0.5, -1.0, 2.0, 0.0, 0.5, -3.0, 1.0, 0.1])
    found = deletion_curve(model, TOKENS, values, 1, n_orders=7)
    assert found.n_deleted.tolist() == list(range(9))
    assert found.random.shape == (7, 9)
    ids = TOKENS.copy()
    for k, place in enumerate([2, 6, 0, 4, 7, 3, 1, 5]):
        wanted = model(Ragged.from_sequences([torch.from_numpy(ids).long()])).double().softmax(1)[0, 1].item()
        assert math.isclose(found.ordered[k], wanted, abs_tol=1e-6), k
        ids[place] = 0
    np.testing.assert_allclose(found.random[:, [0, -1]], [[found.ordered[0], found.ordered[-1]]] * 7, atol=1e-6)
    again = deletion_curve(model, TOKENS, values, 1, n_orders=7)
    np.testing.assert_array_equal(again.random, found.random)
    assert (deletion_curve(model, TOKENS, values, 1, n_orders=7, seed=1).random != found.random).any()


def test_the_area_is_between_the_curves() -> None:
    found = Deletion(np.array([0, 1, 2]), np.array([1.0, 0.0, 0.0]), np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]]))
    assert math.isclose(found.area, 0.25)  # heights 0.75 and 0.25 at random, 0.25 by attribution
    assert found.n_beaten == 1


@pytest.mark.parametrize("cell", CELLS)
def test_an_explanation_has_every_part_with_its_shape(cell: str) -> None:
    found = explained("A b  c, ZZZ e!", cell, bidirectional=True, num_layers=2)
    assert found.tokens == ["A", "b", "c", ",", "ZZZ", "e", "!"]
    assert found.is_known.tolist() == [True, True, True, False, False, True, False]
    assert found.attribution.values.shape == (3, 7)
    assert found.predicted == LABELS[int(found.attribution.classes[0])]
    assert found.running.probabilities.shape == (7, 3)
    np.testing.assert_allclose(found.running.probabilities[-1], found.probabilities, atol=1e-6)
    assert [len(layer) for layer in found.layers] == [2, 2]
    inside = found.layers[1][1]
    assert set(inside.gates) == {"lstm": set("ifog"), "gru": set("rzn"), "rnn": set()}[cell]
    assert inside.hidden.shape == (7, 6)
    assert (inside.cell is not None) == (cell == "lstm")
    assert (inside.kept is None) == (cell == "rnn")
    assert found.deletion is not None


def test_one_token_none_and_nothing_at_all() -> None:
    one = explained("b")
    assert one.deletion is None
    assert one.running.probabilities.shape == (1, 3)
    none = explained("<br /> ")
    assert (none.n_given, none.ids.tolist(), none.tokens) == (0, [0], ["<br /> "])
    with pytest.raises(DataError, match="the text is empty; give a text with at least one token"):
        explained(" \n")


def test_a_network_in_training_is_explained_as_it_answers_and_left_so() -> None:
    model = network(torch.float32, word_dropout=0.9, head_dropout=0.9).train()
    found = explain(model, encoder(), LABELS, "a b c d")
    assert model.training
    np.testing.assert_array_equal(
        found.attribution.values, explain(model, encoder(), LABELS, "a b c d").attribution.values
    )


@pytest.mark.parametrize(
    ("truncate", "kept", "hole"), [("head", "a b c d e", 5), ("tail", "e f g h i", 0), ("ends", "a b c h i", 3)]
)
def test_a_text_that_is_too_long_is_cut_where_the_model_cuts_it(truncate: str, kept: str, hole: int) -> None:
    found = explained(f"  {WORDS} ", max_length=5, truncate=truncate)
    assert (" ".join(found.tokens), found.n_given, found.hole) == (kept, 9, hole)
    record = record_of(found)
    assert (record["n_given"], record["n_read"], record["hole"]) == (9, 5, hole)
    shown = "".join(before + token for before, token, _ in record["pieces"]) + record["tail"]
    assert shown.replace(" ", "") == kept.replace(" ", "")  # what is not read is not shown


def test_a_twin_stands_beside_only_if_it_reads_the_same() -> None:
    one = explained("a b c")
    assert one.beside(explained("a b c", "rnn")).twin is not None
    other = one.beside(explained("a b d", "rnn"))
    assert other.twin is None
    assert other.twin_left_out == "the twin has another vocabulary or other labels"


@pytest.mark.parametrize("cell", CELLS)
def test_a_record_is_plain_and_holds_the_values_in_8_bits(cell: str) -> None:
    found = explained("a b c d e f", cell, bidirectional=True)
    record = record_of(found, run="toy", label="x")
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    for inside, kept in zip(found.layers[0], record["models"][0]["inside"], strict=True):
        arrays = {**inside.gates, **({"c": inside.cell} if inside.cell is not None else {}), "h": inside.hidden}
        assert list(kept["planes"]) == list(arrays)
        for name, plane in kept["planes"].items():
            codes = np.frombuffer(base64.b64decode(plane["codes"]), np.uint8).reshape(6, 6)
            scales = np.array(plane["scales"] or [1.0] * 6)
            values = (plane["low"] + (plane["high"] - plane["low"]) * codes / 255) * scales[:, None]
            np.testing.assert_allclose(values.T, arrays[name], atol=1 / 255 * scales.max() + 1e-6)


@pytest.mark.parametrize("is_backward", [False, True])
def test_what_a_stretch_forgets_is_kept_to_some_per_cent_even_when_steps_are_thinned(is_backward: bool) -> None:
    random = np.random.default_rng(0)
    kept = np.concatenate([1 - 10 ** random.uniform(-4, -1, (300, 3)), random.uniform(0, 1, (300, 1))], 1).astype(
        np.float32
    )
    steps = np.unique(np.linspace(0, 299, 100).round().astype(np.int64))
    # The token that is read first does not count, the one that is read last does: forgetful ones at both ends tell.
    kept[steps[20], 0], kept[steps[70], 1] = 1e-3, 1e-3
    codes = np.frombuffer(base64.b64decode(recording._forgotten(kept, steps, is_backward)), np.uint8).reshape(4, 100)
    low, high = np.log(FORGETTING)
    lost = np.where(codes > 0, np.exp(low + (high - low) * (codes - 1.0) / 254), 0)
    first, last = 20, 70
    found = lost[:, first:last] if is_backward else lost[:, first + 1 : last + 1]
    between = kept[steps[first] : steps[last]] if is_backward else kept[steps[first] + 1 : steps[last] + 1]
    np.testing.assert_allclose(found.sum(1), -np.log(between.astype(float)).sum(0), rtol=0.03)


@pytest.mark.parametrize(
    ("n", "n_classes", "hidden_size", "n_layers"),
    [(10_000, 2, 128, 1), (10_000, 77, 128, 1), (5_000, 77, 128, 1), (2_000, 10, 256, 1), (1_200, 10, 128, 3)],
)
def test_a_page_stays_under_3_mb_and_says_what_was_thinned(
    tmp_path: Path, n: int, n_classes: int, hidden_size: int, n_layers: int
) -> None:
    large = large_explanation(n, n_classes, hidden_size, n_layers=n_layers)
    record = record_of(large)
    path = draw_explanation(record, tmp_path / "page.html")
    assert 2_000_000 < path.stat().st_size < 3_000_000  # what there is room for is shown
    assert len(record["steps"]) == recording.MOST_STEPS
    assert (record["steps"][0], record["steps"][-1]) == (0, n - 1)
    page = path.read_text("utf-8")
    for model, thinned in zip((large, large.twin), record["models"], strict=True):
        assert model is not None
        name, lengths = model.cell.upper(), thinned["running"]["lengths"]
        assert (len(lengths), lengths[0], lengths[-1]) == (recording.MOST_STEPS, 1, n)
        for length, row in zip(lengths, thinned["running"]["probabilities"], strict=True):
            wanted = model.running.probabilities[length - 1, thinned["attribution"]["classes"]]
            np.testing.assert_allclose(row, wanted, rtol=1e-4)
        inside, layer = thinned["inside"][0], model.layers[0][0]
        active = np.argsort(-np.abs(layer.hidden).mean(0), kind="stable")[: len(inside["units"])]
        assert sorted(active.tolist()) == inside["units"]
        assert len(inside["units"]) > 10
        if len(inside["units"]) < hidden_size:
            assert f"{name}: of {hidden_size} units in each layer and direction the maps show the" in page
        if n > recording.MOST_STEPS:
            assert f"{name}: of {n:,} beginnings 1,200 are shown" in page
            assert f"Of {n:,} tokens the maps show the states after 1,200" in page
        if len(thinned["attribution"]["classes"]) < n_classes:
            assert f"{name}: of {n_classes} classes the {len(thinned['attribution']['classes'])} most probable" in page


def test_how_far_the_trace_is_from_the_engine_is_measured_and_beyond_rounding_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = explained("a b c")
    assert 0 <= found.engine_difference < 1e-6
    assert record_of(found)["models"][0]["engine_difference"] == found.engine_difference
    lstm = traced._CELLS["lstm"]

    def off(*arguments: Any) -> Any:
        hidden, cell, gates = lstm(*arguments)
        return hidden * 1.01, cell, gates

    monkeypatch.setitem(traced._CELLS, "lstm", off)
    with pytest.raises(LstmkitError, match=r"the instrumented network is .* off the engine .*, at most 1e-05 is round"):
        explained("a b c")


def test_orders_that_come_to_the_same_are_counted_apart() -> None:
    points = np.array([0, 1, 2])
    ordered = np.array([0.9, 0.4, 0.1])
    found = Deletion(points, ordered, np.array([ordered, [0.9, 0.8, 0.1], [0.9, 0.2, 0.1]]))
    assert (found.n_beaten, found.n_tied) == (1, 1)


def test_of_unknown_words_alone_nothing_can_be_deleted() -> None:
    assert explained("ZZZ YYY", "lstm").deletion is None
    assert explained("ZZZ a", "lstm").deletion is not None
