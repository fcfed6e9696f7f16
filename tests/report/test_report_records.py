"""Records that are absent or damaged: one line that names the file, and nothing drawn."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fake_records
import pytest

from lstmkit.core.errors import ArtifactError
from lstmkit.experiment.claims.breadth import KINDS
from lstmkit.report import draw_lab, draw_run
from lstmkit.report.records import read_lab, read_run

RECORDS = ("config.toml", "history.jsonl", "evaluation.json", "details.json", "environment.json")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return fake_records.write_run(tmp_path / "run", n_test=100, n_epochs=3)


def edit(path: Path, change: Callable[[Any], None]) -> None:
    record = fake_records.read_json(path)
    change(record)
    fake_records.write_json(path, record)


def refusal(folder: Path, draw: Callable[[Path], Path] = draw_run) -> str:
    with pytest.raises(ArtifactError) as caught:
        draw(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.exit_status == 2
    assert not list(folder.rglob("report.html"))
    assert not list(folder.rglob("plots"))
    return message


@pytest.mark.parametrize("kind", ["tokens", *KINDS])
def test_every_kind_that_claims_look_for_can_be_read(run: Path, kind: str) -> None:
    edit(run / "details.json", lambda record: record.update(kind=kind))
    assert read_run(run).details.kind == kind


@pytest.mark.parametrize("name", RECORDS)
def test_an_absent_record_is_named(run: Path, name: str) -> None:
    (run / name).unlink()
    assert str(run / name) in refusal(run)


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("content", [b'{"cut": ', b"\xff\xfe\x00", b"[[1]]\n", b'"words"\n'])
def test_a_damaged_record_is_named(run: Path, name: str, content: bytes) -> None:
    (run / name).write_bytes(content)
    assert str(run / name) in refusal(run)


def test_a_broken_epoch_is_named_by_its_line(run: Path) -> None:
    lines = (run / "history.jsonl").read_text().splitlines()
    row = json.loads(lines[1])
    del row["train_loss"]
    (run / "history.jsonl").write_text("\n".join([lines[0], json.dumps(row), lines[2]]))
    assert refusal(run).startswith(f"{run / 'history.jsonl'}:2: train_loss: Field required")


def test_a_history_without_epochs_is_refused(run: Path) -> None:
    (run / "history.jsonl").write_text("\n")
    assert "no epoch" in refusal(run)


@pytest.mark.parametrize("number", ["NaN", "Infinity"])
def test_numbers_that_json_does_not_know_are_refused(run: Path, number: str) -> None:
    text = (run / "history.jsonl").read_text()
    loss = json.loads(text.splitlines()[0])["train_loss"]
    (run / "history.jsonl").write_text(text.replace(str(loss), number))
    assert "train_loss: Input should be a finite number" in refusal(run)


def test_a_history_without_validation_is_read(run: Path) -> None:
    rows = [json.loads(line) | {"valid_loss": None, "valid_accuracy": None}
            for line in (run / "history.jsonl").read_text().splitlines()]  # fmt: skip
    (run / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [epoch.valid_loss for epoch in read_run(run).epochs] == [None] * 3
    assert draw_run(run).exists()


FAULTS: list[tuple[str, Callable[[Any], None], str]] = [
    ("evaluation.json", lambda r: r.update(accuracy=1.2), "accuracy: Input should be less than or equal to 1"),
    ("evaluation.json", lambda r: r["confusion_matrix"].pop(), "confusion_matrix is not 2 by 2"),
    ("evaluation.json", lambda r: r["confusion_matrix"][0].append(3), "confusion_matrix is not 2 by 2"),
    ("evaluation.json", lambda r: r["confusion_matrix"][0].__setitem__(0, -1), "confusion_matrix.0.0"),
    ("evaluation.json", lambda r: r.update(labels=[]), "labels"),
    ("evaluation.json", lambda r: r["baselines"]["linear"].pop("name"), "baselines.linear.name: Field required"),
    ("details.json", lambda r: r.update(format=2), "format: Input should be 1"),
    ("details.json", lambda r: r.update(kind="video"), "kind"),
    ("details.json", lambda r: r["architecture"].update(cell="transformer"), "architecture.cell"),
    ("details.json", lambda r: r["confident_errors"][3].pop("text"), "confident_errors.3.text: Field required"),
]


@pytest.mark.parametrize(("name", "change", "words"), FAULTS, ids=[words for _, _, words in FAULTS])
def test_a_wrong_value_is_named_by_its_key(run: Path, name: str, change: Callable[[Any], None], words: str) -> None:
    edit(run / name, change)
    message = refusal(run)
    assert message.startswith(f"{run / name}: ")
    assert words in message


def test_unknown_keys_are_another_versions_business(run: Path) -> None:
    edit(run / "details.json", lambda record: record.update(weather="rain"))
    assert read_run(run).details.source == "imdb"


@pytest.mark.parametrize("name", ["lab.json", "rnn/evaluation.json", "lstm/config.toml"])
def test_a_lab_lacking_any_record_draws_nothing(tmp_path: Path, name: str) -> None:
    lab = fake_records.write_lab(tmp_path / "lab", n_test=100, n_epochs=3)
    (lab / name).unlink()
    assert str(lab / name) in refusal(lab, draw_lab)


@pytest.mark.parametrize("models", [{}, {"../elsewhere": None}, {"lstm": {"accuracy": 0.5}}])
def test_a_lab_with_wrong_models_is_refused(tmp_path: Path, models: dict[str, Any]) -> None:
    lab = fake_records.write_lab(tmp_path / "lab", n_test=100, n_epochs=3)
    edit(lab / "lab.json", lambda record: record.update(models=models))
    assert "models" in refusal(lab, draw_lab)


def test_a_lab_keeps_the_order_of_its_models(tmp_path: Path) -> None:
    lab = fake_records.write_lab(tmp_path / "lab", n_test=100, n_epochs=3)
    edit(lab / "lab.json", lambda r: r.update(models=dict(sorted(r["models"].items(), reverse=True))))
    assert list(read_lab(lab).runs) == ["rnn", "lstm"]
    assert read_lab(lab).subject.cell == "rnn"
