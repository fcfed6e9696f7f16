"""Pages: self-contained, accessible, made of the records alone, and safe with any text in them."""

import base64
import hashlib
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import fake_records
import pytest
from reading_pages import Page, read_page

from lstmkit.config.schema import Cell
from lstmkit.report import cells, draw_lab, draw_run
from lstmkit.report.drawing import digit_picture, network
from lstmkit.report.page import duration
from lstmkit.report.records import read_run

HEADINGS = [
    "Aim", "Objectives", "Pseudocode", "Architecture", "Data", "Output", "Curves", "Test result", "Confusion matrix",
    "Accuracy by length", "The 20 most confident errors", "Observation", "Result", "To reproduce",
]  # fmt: skip
SCRIPT = "<script>alert('x')</script><img src=x onerror=alert(1)>"
TEXTS = [
    SCRIPT,
    "{{ 7 * 7 }}{% raw %}",
    "שלום \u202e עולם",
    "👩‍👩‍👧",
    "nul\x00",
    "half\ud83d",
    "w" * 10_000,
    "]]></style><!--",
]


@pytest.fixture(scope="session", params=["imdb", "digits", "banking", "imdb/rnn", "comparison", "probe"])
def page(request: pytest.FixtureRequest) -> Page:
    name, _, inner = request.param.partition("/")
    return read_page(request.getfixturevalue(name) / inner / "report.html")


def test_a_page_fetches_nothing(page: Page) -> None:
    assert not page.all("link", "img", "iframe", "object", "embed", "base", "video", "audio", "source", "image")
    for element in page.elements:
        for name, value in element.attributes.items():
            if name in {"src", "srcset", "href", "xlink:href", "action", "data", "poster", "background"}:
                assert value.startswith("#"), f"<{element.tag} {name}={value}>"
    code = " ".join(element.text for element in page.all("style", "script"))
    assert not re.search(r"@import|url\(|fetch\(|import\s*\(|XMLHttpRequest|https?:", code)
    urls = set(re.findall(r"\w+://[^\"'\s<>]+", page.source))
    assert urls <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}  # names of formats, not addresses


def test_only_our_own_script_may_run(page: Page) -> None:
    (script,) = page.all("script")
    (policy,) = [e for e in page.all("meta") if e.attributes.get("http-equiv") == "Content-Security-Policy"]
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy.attributes["content"]
    assert policy.attributes["content"].startswith("default-src 'none'")
    assert not [name for element in page.elements for name in element.attributes if name.startswith("on")]


def test_a_page_is_well_formed_and_its_ids_are_its_own(page: Page) -> None:
    assert page.unbalanced == []
    ids = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    assert len(ids) == len(set(ids)) > 20
    used = re.findall(r'(?:url\(#|href="#|aria-labelledby=")([^")]+)', page.source)
    assert used
    assert set(used) <= set(ids)


def test_a_page_can_be_read_without_seeing_it(page: Page) -> None:
    (html,) = page.all("html")
    assert html.attributes["lang"] == "en"
    levels = [int(element.tag[1]) for element in page.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    pictures = page.all("svg")
    assert len(pictures) >= 3
    assert all(e.attributes["role"] == "img" and len(e.attributes["aria-label"]) > 20 for e in pictures)
    tables = page.all("table")
    assert len(page.all("caption")) == len(tables) >= 3
    assert all(e.attributes.get("scope") in {"col", "row"} for e in page.all("th"))
    assert all("aria-label" in e.attributes for e in page.all("pre"))
    assert len(page.all("main")) == 1


def test_a_page_knows_light_dark_small_screens_and_paper(page: Page) -> None:
    (style,) = page.all("style")
    assert "prefers-color-scheme: dark" in style.text
    assert "@page { size: A4" in style.text
    assert "max-width: 640px" in style.text
    used = set(re.findall(r"var\(--([\w-]+)\)", page.source))
    assert used <= set(re.findall(r"--([\w-]+):", style.text))
    assert [e for e in page.all("meta") if e.attributes.get("name") == "viewport"]


def test_the_lab_reads_as_a_laboratory_sheet(imdb: Path) -> None:
    page = read_page(imdb / "report.html")
    assert [element.text for element in page.all("h2")] == HEADINGS
    assert page.all("h1")[0].text == "Experiment using LSTM: Large Movie Review Dataset"
    assert "2026-03-14" in page.text
    assert "Embedding → LSTM → Fully connected / output" in page.text
    assert fake_records.LOOP.strip() in page.text
    assert not page.all("del")  # the sheet strikes its own heading through; a reader would take it for an error
    assert "the sheet’s 85.95%, on a data set that it does not name" in page.text
    assert "85.95" not in page.text.replace("the sheet’s 85.95%, on a data set that it does not name", "")
    assert "The RNN runs at the LSTM’s learning rate (0.001), which was not tuned for it." in page.text
    assert [e.text for e in page.all("span") if e.attributes.get("class", "").startswith("verdict")] == [
        "holds", "not shown", "does not hold"]  # fmt: skip


@pytest.mark.parametrize("cell", ["lstm", "rnn"])
def test_the_epoch_lines_stand_as_they_were_printed(imdb: Path, cell: str) -> None:
    lines = read_run(imdb / cell).lines
    assert len(lines) == 10
    assert lines[0].startswith("Epoch 1/10 - Loss: ")
    for folder in (imdb, imdb / cell):
        assert "\n".join(lines) in read_page(folder / "report.html").text


def test_the_numbers_are_the_records(imdb: Path) -> None:
    text = read_page(imdb / "report.html").text
    lab = fake_records.read_json(imdb / "lab.json")
    for model in lab["models"].values():
        low, high = model["accuracy_ci95"]
        assert f"{model['accuracy']:.2%}{100 * low:.2f} to {100 * high:.2f}%" in text
        assert f"{model['parameters']:,}" in text
    details = fake_records.read_json(imdb / "lstm" / "details.json")
    for count in details["architecture"]["parameters"].values():
        assert f"{count:,}" in text
    for one in details["accuracy_by_length"]:
        assert f"{one['accuracy']:.2%}" in text
    assert "lstmkit lab imdb --seed 0 --out 'my runs/first'" in text
    assert "f7137628c5aa5c6c99a1e0033dd6d37f3f8c0e05d59c8492e330b438145b02b0" in text


def test_the_table_follows_lab_json_and_not_the_runs(tmp_path: Path) -> None:
    lab = fake_records.write_lab(tmp_path / "lab", n_test=100, n_epochs=2)
    record = fake_records.read_json(lab / "lab.json")
    record["models"]["rnn"] |= {"accuracy": 0.1234, "accuracy_ci95": [0.11, 0.14], "seconds": 4000}
    record["baselines"] = {}
    record["claims"] = []
    fake_records.write_json(lab / "lab.json", record)
    page = read_page(draw_lab(lab))
    assert "12.34%11.00 to 14.00%" in page.text
    assert "1\N{NO-BREAK SPACE}h\N{NO-BREAK SPACE}6\N{NO-BREAK SPACE}min" in page.text
    assert "Linear model" not in page.text
    assert "This run measured none of the sheet’s observations." in page.text


def test_digits_are_drawn_and_their_tokens_given(digits: Path) -> None:
    page = read_page(digits / "report.html")
    assert len([e for e in page.all("svg") if e.attributes.get("class") == "digit"]) == 20
    for error in fake_records.read_json(digits / "lstm" / "details.json")["confident_errors"]:
        assert error["text"] in page.text


@pytest.mark.parametrize("text", ["", "1 2 3", " ".join(["17"] * 64), " ".join(["-1"] * 64), " ".join(["²"] * 64)])
def test_what_is_no_digit_is_not_drawn(text: str) -> None:
    assert digit_picture(text) is None


def test_a_digits_darkness_is_its_token() -> None:
    picture = digit_picture(" ".join(["0"] * 9 + ["16", "8"] + ["0"] * 53))
    assert picture is not None
    assert re.findall(r'x="(\d)" y="(\d)" .*?fill-opacity="([\d.]+)"', picture) == [("1", "1", "1"), ("2", "1", "0.5")]


def test_captions_say_what_the_records_say(imdb: Path, digits: Path) -> None:
    page = read_page(imdb / "report.html")
    captions = [element.text for element in page.all("figcaption")]
    assert len(captions) == len(page.all("figure")) == 8
    run = read_run(imdb / "lstm")
    lowest = min(run.epochs, key=lambda epoch: epoch.valid_loss or 9)
    (loss,) = [text for text in captions if text.startswith("Lower is better")]
    assert f"LSTM validation loss is lowest at epoch {lowest.epoch}, {lowest.valid_loss:.4f}; RNN " in loss
    kept = run.epochs[run.details.best_epoch - 1]
    (accuracy,) = [text for text in captions if text.startswith("Higher is better")]
    assert f"LSTM: {kept.valid_accuracy:.2%} on validation at epoch {kept.epoch}, which was kept; RNN: " in accuracy
    assert any("LSTM 88.40% over 10 to 120 tokens, 82.40% over 301 to 2,470 tokens; RNN " in text for text in captions)
    assert any(text.endswith("The twin differs in the cell alone.") for text in captions)
    matrix = read_run(digits / "lstm").evaluation.confusion_matrix
    most = max(row[k] for true, row in enumerate(matrix) for k in range(10) if k != true)
    assert f" {most} times of {sum(matrix[0])}." in read_page(digits / "lstm" / "report.html").text


def test_captions_of_a_run_without_validation_or_mistakes(tmp_path: Path) -> None:
    folder = fake_records.write_run(tmp_path / "run", n_test=40, n_epochs=2)
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    rows = [row | {"valid_loss": None, "valid_accuracy": None} for row in rows]
    (folder / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    evaluation = fake_records.read_json(folder / "evaluation.json") | {"confusion_matrix": [[20, 0], [0, 20]]}
    fake_records.write_json(folder / "evaluation.json", evaluation)
    text = read_page(draw_run(folder)).text
    assert f"LSTM training loss ends at {rows[-1]['train_loss']:.4f}." in text
    assert f"LSTM: {rows[-1]['train_accuracy']:.2%} in training at the end." in text
    assert "The LSTM makes no mistake." in text


@pytest.mark.parametrize("name", ["imdb", "imdb/lstm"])
def test_the_contents_are_the_sections(request: pytest.FixtureRequest, name: str) -> None:
    fixture, _, inner = name.partition("/")
    page = read_page(request.getfixturevalue(fixture) / inner / "report.html")
    (contents,) = [e for e in page.all("nav") if e.attributes["aria-label"] == "Contents"]
    assert contents.text.strip().split("\n") == [element.text for element in page.all("h2")]


def test_what_the_audit_found_stands_with_the_data(tmp_path: Path, imdb: Path) -> None:
    run = fake_records.write_run(tmp_path / "run", n_test=60, n_epochs=2)
    details = fake_records.read_json(run / "details.json")
    details["warnings"] = [
        {"kind": "leak", "measured": "11 of 500 test texts", "why": "it may be memory", "do": "drop"}
    ]
    fake_records.write_json(run / "details.json", details)
    page = read_page(draw_run(run))
    (box,) = [element for element in page.all("div") if element.attributes.get("role") == "note"]
    assert "11 of 500 test texts. It may be memory. What to do: drop." in box.text
    assert "What to do" not in read_page(imdb / "report.html").text


def test_seventy_seven_labels(banking: Path) -> None:
    page = read_page(banking / "report.html")
    labels = fake_records.read_json(banking / "evaluation.json")["labels"]
    assert len(labels) == 77
    assert all(label in page.text for label in labels)
    assert "Scores by label, LSTM: 77 labels" in page.text
    assert "Examples by label and split: 77 labels" in page.text
    assert "The LSTM’s most frequent mistakes" in page.text


def test_long_texts_are_folded_and_whole(imdb: Path) -> None:
    page = read_page(imdb / "report.html")
    errors = fake_records.read_json(imdb / "lstm" / "details.json")["confident_errors"]
    long = [error["text"] for error in errors if len(error["text"]) > 320]
    folds = [e for e in page.all("details") if e.attributes.get("class") == "text"]
    assert len(folds) == len(long) > 5
    assert all(fold.text.endswith(text) for fold, text in zip(folds, long, strict=True))


def test_any_text_in_any_record_stays_text(tmp_path: Path) -> None:
    labels = ["plain", *TEXTS]
    lab = fake_records.write_lab(
        tmp_path / "lab", n_test=90, n_epochs=2, labels=labels, title="".join(TEXTS), source=" "
    )
    record = fake_records.read_json(lab / "lab.json")
    record["claims"] = [{"claim": text, "evidence": text, "verdict": "shown"} for text in TEXTS]
    record["baselines"]["linear"]["name"] = record["baselines"]["majority"]["label"] = " ".join(TEXTS)
    fake_records.write_json(lab / "lab.json", record)
    for cell in ("lstm", "rnn"):
        poison(lab / cell)
    page = read_page(draw_lab(lab))
    for text in TEXTS:
        seen = re.sub("[\x00-\x08\ud800-\udfff]", "\ufffd", text)
        found = page.text.count(seen)
        assert found >= 3, text[:50]  # the example, the decision, the environment: whole
        short = seen if len(seen) <= 120 else seen[:119] + "…"
        found = page.text.count(short)
        assert found >= 10, text[:50]
    turned = [around for words, around in page.pieces if "\u202e" in words]
    assert len(turned) >= 20
    for around in turned:  # what turns the reading direction must not turn the words that stand beside it
        assert around[-1].tag in {"bdi", "li", "td", "pre", "title"} or any("dir" in e.attributes for e in around)
    assert len(page.all("script")) == 1
    assert page.unbalanced == []
    assert not page.all("img")
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", page.source)


def poison(folder: Path) -> None:
    """Put the texts into every free field of a run's records."""
    details: dict[str, Any] = fake_records.read_json(folder / "details.json")
    details["decisions"] = TEXTS
    details["warnings"] = [{"kind": "leak", "measured": text, "why": text, "do": text} for text in TEXTS]
    details["loop_source"] = "".join(TEXTS)
    details["confident_errors"] = [
        {"id": text, "text": text, "label": text, "predicted": text, "probability": 0.9} for text in TEXTS
    ]
    for text in TEXTS:
        details["splits"][text] = {"n": 1, "labels": {text: 1}}
        details["coverage"][text] = 0.5
    fake_records.write_json(folder / "details.json", details)
    environment = {"command": " ".join(TEXTS), "data": {text: [text, 1] for text in TEXTS}, **{t: t for t in TEXTS}}
    fake_records.write_json(folder / "environment.json", environment)


def test_a_page_is_drawn_anew_over_an_old_one(tmp_path: Path) -> None:
    run = fake_records.write_run(tmp_path / "run", n_test=60, n_epochs=2)
    first = draw_run(run).read_bytes()
    evaluation = fake_records.read_json(run / "evaluation.json") | {"accuracy": 0.4321}
    (run / "evaluation.json").write_text(json.dumps(evaluation))
    assert "43.21%" in read_page(draw_run(run)).text
    assert b"43.21%" not in first


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2, 7])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize(("pooling", "vectors"), [("last", 1), ("mean", 1), ("max", 1), ("max_mean", 2)])
def test_the_network_has_the_runs_sizes(
    tmp_path: Path, cell: str, num_layers: int, bidirectional: bool, pooling: str, vectors: int
) -> None:
    folder = fake_records.write_run(
        tmp_path / "run", cell=cell, num_layers=num_layers, bidirectional=bidirectional, pooling=pooling, n_test=20,
        n_epochs=1,
    )  # fmt: skip
    run = read_run(folder)
    drawing = network(run.details.architecture, run.config.model)
    width = 128 * (2 if bidirectional else 1)
    assert f">T × {width}<" in drawing
    assert f">{width * vectors} → 2<" in drawing
    rows = min(num_layers, 2) * (2 if bidirectional else 1)
    assert drawing.count(f'class="step {cell}"') == 4 * rows
    assert ("dropout 0.5" in drawing) == (pooling == "max_mean")
    assert run.details.architecture.pooled_size == width * vectors


def test_each_cell_is_drawn_with_its_gates_and_equations() -> None:
    gates: dict[Cell, int] = {"lstm": 4, "gru": 3, "rnn": 1}
    for kind, count in gates.items():
        assert cells.cell(kind).count('class="gate ') == count
        lines = cells.equations(kind)
        assert sum("σ(" in line or "= tanh(" in line for line in lines) == count
        assert not any("_" in line or "{" in line for line in lines)
    assert cells.equations("lstm")[4] == (
        "<var>c</var><sub>t</sub> = <var>f</var><sub>t</sub> ⊙ <var>c</var><sub>t−1</sub> + "
        "<var>i</var><sub>t</sub> ⊙ <var>g</var><sub>t</sub>"
    )


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, "–"), (0.04, "0.0 s"), (59.9, "59.9 s"), (59.96, "1 min 0 s"), (61, "1 min 1 s"),
                           (3599.7, "1 h 0 min"), (90061, "25 h 1 min")]
)  # fmt: skip
def test_durations_read_well(seconds: float | None, words: str) -> None:
    assert duration(seconds).replace("\N{NO-BREAK SPACE}", " ") == words
