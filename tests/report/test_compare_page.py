"""The page of a comparison: what it shows of the record, what it leaves out, and what it refuses."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fake_comparison
import fake_records
import pytest
from reading_pages import read_page

from lstmkit.core.errors import ArtifactError
from lstmkit.report import draw_compare

HEADINGS = [
    "Verdict", "Test result", "Differences", "Learning rates", "Curves", "Accuracy by length", "Protocol", "Data",
    "To reproduce",
]  # fmt: skip


def test_the_page_tells_the_record(comparison: Path) -> None:
    record = fake_records.read_json(comparison / "compare.json")
    page = read_page(comparison / "report.html")
    assert [element.text for element in page.all("h2")] == HEADINGS
    assert page.all("h1")[0].text == "LSTM, GRU, RNN and a linear model on Large Movie Review Dataset"
    assert record["verdict"]["summary"] in page.text
    for words in [*record["verdict"]["caveats"], *record["verdict"]["rules"], *(p["words"] for p in record["pairs"])]:
        assert words in page.text
    for cell, model in record["models"].items():
        for run in model["runs"]:
            assert f"{run['accuracy']:.2%}" in page.text
            assert run["folder"] in page.text
        for tried in model["search"]:
            shown = f"{tried['valid_accuracy']:.2%}"
            bold = [element.text for element in page.all("strong")]
            assert shown in page.text
            assert (shown in bold) == (tried["rate"] == model["learning_rate"]), cell
    assert "1,200 : 900" in page.text
    assert "< 0.001" in page.text
    captions = page.all("figcaption")
    assert len(captions) == len(page.all("figure")) == 5
    assert all(len(caption.text) > 60 for caption in captions)
    assert {path.name for path in (comparison / "plots").iterdir()} == {
        f"{name}.{suffix}"
        for name in ("test_accuracy", "differences", "learning_rates", "validation", "accuracy_by_length")
        for suffix in ("png", "svg")
    }


def test_drawn_again_it_is_the_same_to_the_byte(comparison: Path) -> None:
    files = [comparison / "report.html", *(comparison / "plots").iterdir()]
    before = [path.read_bytes() for path in files]
    draw_compare(comparison)
    assert [path.read_bytes() for path in files] == before


def test_one_seed_one_rate_one_length(tmp_path: Path) -> None:
    folder = fake_comparison.write_comparison(tmp_path, seeds=(4,), rates=(0.002,), bounds=[(64, 64)])
    page = read_page(draw_compare(folder))
    assert page.unbalanced == []
    assert "One seed says nothing" in page.text
    assert "One learning rate was given (0.002)" in page.text
    assert "The test sequences are all of one length" in page.text
    assert len(page.all("figure")) == 3
    assert "Student’s intervals of the mean over 1 seed, on these" in page.text


def test_a_failed_rate_is_on_the_page(tmp_path: Path) -> None:
    folder = fake_comparison.write_comparison(tmp_path, seeds=(0, 1), failed=0.01)
    page = read_page(draw_compare(folder))
    assert page.text.count("the loss or its gradient is not finite") == 3
    assert "training failed at rate 0.01" in page.text


def test_no_text_of_the_data_becomes_a_script(tmp_path: Path) -> None:
    hostile = "</title><script>alert(1)</script>{{ 7 * 7 }}"
    folder = fake_comparison.write_comparison(tmp_path, seeds=(0,), title=hostile)
    page = read_page(draw_compare(folder))
    assert len(page.all("script")) == 1
    assert page.unbalanced == []
    assert hostile in page.all("h1")[0].text


def without(key: str) -> Callable[[dict[str, Any]], None]:
    return lambda record: record.pop(key)


def run_elsewhere(record: dict[str, Any]) -> None:
    record["models"]["lstm"]["runs"][0]["folder"] = "../../elsewhere"


def run_lost(record: dict[str, Any]) -> None:
    record["models"]["lstm"]["runs"].pop()


DAMAGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a key is lost": (without("models"), "compare.json: models: Field required"),
    "an accuracy above 1": (
        lambda record: record["models"]["gru"].update(accuracy_mean=1.2),
        "compare.json: models.gru.accuracy_mean: Input should be less than or equal to 1",
    ),
    "an unknown outcome": (lambda record: record["pairs"][0].update(outcome="won"), "compare.json: pairs.0.outcome"),
    "an unknown model": (lambda record: record["pairs"][0].update(other="svm"), "lstm and svm are not both among"),
    "a run is lost": (run_lost, "models.lstm: its runs are not those of the seeds [0, 1, 2]"),
    "a run elsewhere": (run_elsewhere, "the run folder '../../elsewhere' is not within the comparison's"),
    "a newer format": (lambda record: record.update(format=2), "compare.json: format"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_record_is_refused_and_the_page_stays(comparison: Path, name: str) -> None:
    damage, words = DAMAGES[name]
    path = comparison / "compare.json"
    before, page = path.read_bytes(), (comparison / "report.html").read_bytes()
    record = fake_records.read_json(path)
    damage(record)
    fake_records.write_json(path, record)
    try:
        with pytest.raises(ArtifactError, match=re.escape(words)):
            draw_compare(comparison)
    finally:
        path.write_bytes(before)
    assert (comparison / "report.html").read_bytes() == page


def test_a_record_that_is_no_json_and_a_run_that_is_gone(comparison: Path) -> None:
    for path in (comparison / "compare.json", comparison / "lstm/rate-0.003-seed-1/details.json"):
        before = path.read_bytes()
        path.write_bytes(before[: len(before) // 2])
        try:
            with pytest.raises(ArtifactError, match=f"{re.escape(str(path))}: damaged, not JSON"):
                draw_compare(comparison)
        finally:
            path.write_bytes(before)


def test_a_comparison_on_series_speaks_of_steps(tmp_path: Path) -> None:
    folder = fake_comparison.write_comparison(tmp_path)
    for path in folder.rglob("details.json"):
        changed = fake_records.read_json(path)
        changed |= {"kind": "series", "n_features": 3}
        changed["architecture"] |= {"n_features": 3, "vocabulary_size": None}
        path.write_text(json.dumps(changed))
    page = read_page(draw_compare(folder))
    assert "Steps" in [element.text for element in page.all("th")]
    assert "tokens" not in page.text.lower()
    svg = (folder / "report.html").read_text().partition("Test accuracy by length. ")[2]
    assert "steps " in svg[:200]
    assert "length (steps)" in (folder / "plots" / "accuracy_by_length.svg").read_text()
