"""The page of an explanation: drawn from its record alone, safe with any text, and speaking of what is left out."""

import copy
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import explained_toys as toys
import pytest
from reading_pages import Page, read_page

from lstmkit.core.errors import ArtifactError
from lstmkit.report import draw_explanation
from lstmkit.report.explanation_drawing import _spread
from lstmkit.report.explanation_records import checked_record


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    return toys.record()


@pytest.fixture
def drawn(tmp_path: Path) -> Any:
    def draw(record: dict[str, Any]) -> Page:
        return read_page(draw_explanation(record, tmp_path / "page.html"))

    return draw


def test_the_page_shows_the_text_and_nothing_of_it_runs(drawn: Any, record: dict[str, Any]) -> None:
    page = drawn(record)
    assert page.unbalanced == []
    (reading, twins) = [e for e in page.elements if e.attributes.get("role") == "listbox"]
    assert "A fine film, slow to begin.\n\nBut <script>alert(1)</script> the plot is fine & moving" in reading.text
    assert twins.text == reading.text
    scripts = page.all("script")
    assert [e.attributes.get("type") for e in scripts] == ["application/json", None]
    assert json.loads(scripts[0].text)["pieces"] == [token for _, token, _ in record["pieces"]]
    assert not [name for element in page.elements for name in element.attributes if name.startswith("on")]
    assert not page.all("b", "img", "link", "iframe") or all(e.text.lstrip("+−-")[:1].isdigit() for e in page.all("b"))
    assert "Why “good”" in page.text or "Why “<b>bad</b>”" in page.text or "Why “neither & nor”" in page.text


def test_ids_are_their_own_and_labels_lead_to_them(drawn: Any, record: dict[str, Any]) -> None:
    page = drawn(record)
    ids = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    assert len(ids) == len(set(ids)) > 30
    used = [e.attributes["aria-labelledby"] for e in page.elements if "aria-labelledby" in e.attributes]
    assert len(used) == 5
    assert set(used) <= set(ids)


def test_completeness_is_said_as_it_is(drawn: Any, record: dict[str, Any]) -> None:
    assert ": complete, " in drawn(record).text
    incomplete = copy.deepcopy(record)
    for model in incomplete["models"]:
        model["attribution"]["errors"] = [0.25] * len(model["attribution"]["classes"])
    text = drawn(incomplete).text
    assert ": NOT complete, 25.00% off" in text
    assert ": complete, " not in text
    small = copy.deepcopy(record)  # the error's share is then one of 0.1 nats, and not of the difference
    for model in small["models"]:
        found = model["attribution"]
        found["at_baseline"] = [odds - 0.023 for odds in found["at_input"]]
        found["errors"] = [0.003] * len(found["classes"])
    text = drawn(small).text
    assert ": complete, 0.00030 nats off after " in text
    assert "(a difference below 0.1 nats may be missed by 0.001)" in text
    assert "0.30% off" not in text


def test_how_far_the_engine_is_and_how_right_8_bits_are_is_said(drawn: Any, record: dict[str, Any]) -> None:
    measured = copy.deepcopy(record)
    measured["models"][0]["engine_difference"] = 3.1e-8
    del measured["models"][1]["engine_difference"]  # as an earlier record
    text = " ".join(drawn(measured).text.split())
    assert "the probabilities of the LSTM’s are at most 3.1e-08 from those of the engine" in text
    assert "How far that of the RNN is from the engine was not measured for this record" in text
    assert "1e-6" not in text
    assert "(the gates i, f, o, r and z) is right to 0.002" in text
    assert "(the candidates g and n, the hidden state h) to 0.004" in text


def test_a_long_text_is_there_without_the_script(drawn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lstmkit.report.explanation_page.COLOURED_TOKENS", 10)
    page = drawn(toys.record())
    (reading, twins) = [e for e in page.elements if e.attributes.get("role") == "listbox"]
    assert "A fine film, slow to begin.\n\nBut <script>alert(1)</script> the plot is fine & moving" in reading.text
    assert twins.text == "The same text; its tokens are coloured by this page’s script."


def test_what_is_left_out_is_said(drawn: Any) -> None:
    cut = drawn(toys.record(max_length=10, cells=("gru",), bidirectional=True)).text
    assert "the model reads 10 of them" in cut
    assert "tokens not read …" in cut
    assert "update gate z" in cut
    one = drawn(toys.record("fine")).text
    assert "One token can be deleted in one order only" in one
    assert "has no gates and no cell state" in one
    assert "No token of it is in the vocabulary" in drawn(toys.record("zzz qqq", cells=("lstm",))).text
    none = drawn(toys.record("<br />", cells=("rnn",), label=None)).text
    assert "read as one unknown token" in none
    assert "True label" not in none
    many = drawn(toys.record(labels=tuple(f"class {k}" for k in range(12)), cells=("lstm",))).text
    assert "of 12 classes the 10 most probable are attributed" in many
    other = toys.record("fine") | {"twin_left_out": "the twin has another vocabulary or other labels"}
    assert "which is left out: the twin has another vocabulary" in drawn(other).text


def test_a_digit_is_shown_as_its_pixels(drawn: Any) -> None:
    page = drawn(toys.record(toys.DIGIT))
    grids = [e for e in page.elements if e.attributes.get("class") == "reading grid"]
    assert len(grids) == 2
    assert sum(e.attributes.get("class") == "digit" for e in page.all("svg")) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r.update(format=2), "format"),
        (lambda r: r["models"][0].update(probabilities=[0.5, 0.5]), "2 values where 3 belong"),
        (lambda r: r["models"][0]["attribution"]["values"][0].pop(), "attribution.values"),
        (lambda r: r["models"][0]["running"]["probabilities"].pop(), "running"),
        (lambda r: r["models"][0]["deletion"]["ordered"].pop(), "deletion"),
        (lambda r: r["models"][0]["inside"][0]["planes"]["c"].update(codes="AAAA"), "inside: 3 values"),
        (lambda r: r["models"][0]["inside"][0]["planes"]["c"].update(codes="!"), "not base64"),
        (lambda r: r["models"][0]["inside"][0]["planes"]["c"]["scales"].pop(), "inside.scales"),
        (lambda r: r["pieces"].pop(), "pieces"),
        (lambda r: r.pop("models"), "models"),
    ],
)
def test_a_damaged_record_is_one_line(record: dict[str, Any], tmp_path: Path, change: Any, words: str) -> None:
    damaged = copy.deepcopy(record)
    change(damaged)
    with pytest.raises(ArtifactError, match=words) as caught:
        draw_explanation(damaged, tmp_path / "page.html")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    assert checked_record(record).n_read == record["n_read"]


def test_drawing_needs_no_torch(record: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text(json.dumps(record))
    script = (
        "import json, sys; from pathlib import Path; from lstmkit.report import draw_explanation; "
        "draw_explanation(json.load(open('record.json')), Path('page.html')); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("places", [[50.0], [99, 100, 98, 100], [0, 1, 2], [10, 60], [100, 0]])
def test_labels_of_lines_keep_apart_and_inside(places: list[float]) -> None:
    found = sorted(_spread(places))
    assert all(b - a >= 12.99 for a, b in pairwise(found))
    assert found[-1] <= 100
    assert found[0] >= 0
