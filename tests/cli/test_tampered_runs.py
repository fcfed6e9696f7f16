"""The records of a run, altered: each command that reads them answers with a line and status 2, and hangs at none."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from small_runs import SMALL, Command, write_reviews

from lstmkit.cli.main import run

WORK = [*SMALL, "--epochs", "1", "--threads", "1"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tampered")
    source = write_reviews(place / "reviews.csv")
    assert run(["train", str(source), "--out", str(place / "run"), *WORK]) == 0
    assert run(["explain", str(place / "run"), "a fine film", "--out", str(place / "one.json")]) == 0
    assert run(["analyze", str(place / "run"), "--examples", "4"]) == 0
    return place / "run"


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def link(path: Path) -> None:
    path.rename(path.parent.parent / "elsewhere")
    path.symlink_to(path.parent.parent / "elsewhere")


def text(content: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(content)


TAMPERS: dict[str, Callable[[Path], object]] = {
    "a pipe": pipe,
    "a link": link,
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "nested deep": text("[" * 100_000 + "]" * 100_000),
    "nested less deep": text('{"a":' * 400 + "1" + "}" * 400),
    "a list": text("[]"),
    "a number": text("3"),
    "another object": text('{"n": "x", "task": 7}'),
    "of thousands of digits": text('{"n": ' + "9" * 5000 + "}"),
    "half a surrogate": text('{"n": "\\ud800"}'),
    "no JSON": text("{"),
    "no UTF-8": lambda path: path.write_bytes(b'{"n": "\xff"}'),
}
READS: dict[str, list[list[str]]] = {
    "evaluation.json": [["report"], ["evaluate"]],
    "details.json": [["report"]],
    "environment.json": [["report"]],
    "history.jsonl": [["report"]],
    "analysis.json": [["report"]],
    "checkpoints/data.json": [["analyze", "--examples", "4"], ["explain", "--id", "reviews.csv:3"]],
    "model/model.json": [["predict", "a film"], ["evaluate"], ["explain", "a film"], ["analyze"]],
}


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("tamper", TAMPERS)
def test_a_record_that_is_none_is_a_line(lstmkit: Command, folder: Path, name: str, tamper: str) -> None:
    TAMPERS[tamper](folder / name)
    for command, *rest in READS[name]:
        if name == "environment.json" and tamper in ("another object", "half a surrogate"):
            continue  # nothing of it is needed
        done = lstmkit(command, folder, *rest)
        assert done.status == 2, (command, done.err[-300:])
        last = done.err.splitlines()[-1]
        assert last.startswith("error: ")
        assert len(last) <= 500
        assert Path(name).name in last


def test_the_tables_are_whole() -> None:
    assert len(TAMPERS) >= 12
    assert len(READS) >= 7


@pytest.mark.parametrize("inner", ["model", "plots", "checkpoints", "explanations", "evaluations"])
def test_a_folder_within_is_not_followed_elsewhere(lstmkit: Command, folder: Path, tmp_path: Path, inner: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    if (folder / inner).exists():
        (folder / inner).rename(elsewhere)
    else:
        elsewhere.mkdir()
    (folder / inner).symlink_to(elsewhere)
    before = sorted(path.name for path in elsewhere.rglob("*"))
    command = {
        "model": ["predict", folder, "a film"],
        "plots": ["report", folder],
        "checkpoints": ["analyze", folder, "--examples", "4"],
        "explanations": ["explain", folder, "a film"],
        "evaluations": ["evaluate", folder, folder.parent.parent / "none.csv"],
    }[inner]
    if inner == "evaluations":
        command[-1] = write_reviews(tmp_path / "other.csv", 20)
        command += ["--split", "all"]
    done = lstmkit(*command)
    assert done.status == 2, done.err
    assert f"{inner}: a symbolic link, which is not followed" in done.err
    assert sorted(path.name for path in elsewhere.rglob("*")) == before


def test_a_run_that_is_itself_a_link_is_the_user_s_own(lstmkit: Command, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").symlink_to(folder)
    assert lstmkit("predict", tmp_path / "mine", "a fine film").status == 0
    assert lstmkit("report", tmp_path / "mine").status == 0


def test_evaluate_ends_with_1_where_the_record_differs(lstmkit: Command, folder: Path) -> None:
    done = lstmkit("evaluate", folder)
    assert (done.status, "the accuracy agrees with evaluation.json" in done.err) == (0, True)
    path = folder / "evaluation.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"accuracy": record["accuracy"] / 2}))
    done = lstmkit("evaluate", folder)
    assert done.status == 1
    assert "the accuracy DIFFERS from evaluation.json: " in done.err
    assert "error:" not in done.err
    assert json.loads(done.out)["accuracy"] == record["accuracy"]


def test_what_is_true_of_labels_is_said_at_the_end_and_on_the_page(lstmkit: Command, tmp_path: Path) -> None:
    lines = write_reviews(tmp_path / "all.csv", 200).read_text().splitlines()
    rows = [line for line in lines if line.endswith(",pos")] + [f"bill {k} of the law,legal" for k in range(4)]
    source = tmp_path / "rare.csv"
    source.write_text("\n".join(["text,label", *rows]) + "\n")
    done = lstmkit("train", source, "--out", tmp_path / "run", *WORK)
    assert done.status == 0, done.err
    assert "macro F1" in done.out
    told = [line for line in done.err.splitlines() if line.startswith("warning: ")]
    assert any("the commonest label 'pos' has" in line and "class_weights=balanced" in line for line in told)
    assert any("1 label of 2 has one example or none in valid (legal)" in line for line in told)
    assert any("1 label of 2 is never found (legal: 1 in test)" in line for line in told)
    page = (tmp_path / "run" / "report.html").read_text()
    assert "is never found (legal: 1 in test)" in page
    assert "class_weights=balanced" in page
