"""Bad input: exit 2, one line that says what came and what to do, nothing written."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from small_runs import SMALL, Command, write_reviews

from lstmkit.artifact import FORMAT

GOOD_ROWS = [("a fine film", "pos"), ("a dull film", "neg")] * 20


def csv(path: Path, rows: list[tuple[str, str]] = GOOD_ROWS, header: str = "text,label") -> Path:
    path.write_text("\n".join([header, *(f"{text},{label}" for text, label in rows)]) + "\n")
    return path


def raw(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def folder_of(path: Path, labels: dict[str, int]) -> Path:
    for label, n in labels.items():
        (path / label).mkdir(parents=True)
        for k in range(n):
            (path / label / f"{k}.txt").write_text(f"text {k}")
    return path


def tables(path: Path, **parts: list[tuple[str, str]]) -> Path:
    path.mkdir()
    for name, rows in parts.items():
        csv(path / f"{name}.csv", rows)
    return path


def jsonl(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


GOOD = b"text,label\n" + b"a fine film,pos\na dull film,neg\n" * 20
GOOD_OBJECTS = ['{"text": "a fine film", "label": "pos"}', '{"text": "a dull film", "label": "neg"}'] * 20
BAD_SOURCES: dict[str, tuple[Callable[[Path], Path], list[str], str]] = {
    "no such file": (lambda d: d / "none.csv", [], "none.csv: no such file or folder"),
    "empty": (lambda d: raw(d / "empty.csv", b""), [], "empty.csv: empty"),
    "header alone": (lambda d: raw(d / "head.csv", b"text,label\n"), [], "head.csv"),
    "a folder with one class": (lambda d: folder_of(d / "one", {"pos": 9}), [], "one"),
    "a CSV without the column": (
        lambda d: csv(d / "a.csv"),
        ["--text-column", "txt"],
        "no column 'txt'; there are 'text', 'label'; did you mean 'text'?",
    ),
    "a row too short": (lambda d: raw(d / "a.csv", GOOD + b"lonely\n"), [], "a.csv:42: too few fields"),
    "a NUL": (lambda d: raw(d / "a.csv", GOOD + b"a\0b,pos\n"), [], "a.csv:42: a NUL byte"),
    "not UTF-8": (lambda d: raw(d / "a.csv", GOOD + b"caf\xe9,pos\n"), [], "a.csv:42: not UTF-8 at byte offset"),
    "a broken line": (lambda d: jsonl(d / "a.jsonl", [*GOOD_OBJECTS, '{"text": ']), [], "a.jsonl:41: not JSON"),
    "labels missing": (
        lambda d: raw(d / "a.csv", GOOD + b"x,\ny,\n"),
        [],
        "a.csv:42: the label is missing (2 such rows)",
    ),
    "one label only": (lambda d: csv(d / "a.csv", [("a", "pos"), ("b", "pos")] * 9), [], "pos"),
    "a label in test that training never saw": (
        lambda d: tables(d / "t", train=GOOD_ROWS, test=[("x", "mixed"), ("y", "pos")]),
        [],
        "mixed",
    ),
    "fewer examples of a class than splits": (
        lambda d: csv(d / "a.csv", [*GOOD_ROWS, ("odd", "rare"), ("even", "rare")]),
        [],
        "rare",
    ),
    "all texts empty": (lambda d: csv(d / "a.csv", [(" ", "pos"), ("", "neg")] * 9), [], "the text is empty"),
    "an unknown suffix": (lambda d: raw(d / "a.xlsx", b"PK"), [], "a.xlsx"),
    "a damaged archive": (lambda d: raw(d / "a.tar.gz", b"\x1f\x8b nothing"), [], "a.tar.gz"),
}
BAD_REQUESTS: dict[str, tuple[list[str], str]] = {
    "--set of an unknown key": (
        ["--set", "train.epoch=3"],
        "configuration key 'train.epoch' is unknown; did you mean 'train.epochs'?",
    ),
    "--set of a key in the wrong table": (["--set", "model.epochs=3"], "did you mean 'train.epochs'?"),
    "--set of an ill-typed value": (["--set", "train.epochs=many"], "train.epochs = 'many'"),
    "--set out of bounds": (["--set", "train.epochs=-1"], "train.epochs = -1"),
    "--set of what is not finite": (["--set", "train.learning_rate=inf"], "train.learning_rate = inf"),
    "--set of a preset": (["--set", "preset=lab"], "use --preset lab"),
    "--set without =": (["--set", "train.epochs"], "no '='"),
    "a wrong preset": (["--preset", "defualt"], "preset 'defualt' is unknown; there are default, lab"),
    "no such --config": (["--config", "none.toml"], "none.toml: No such file"),
    "an unknown option": (["--epoch", "3"], "No such option: --epoch"),
    "an ill-typed option": (["--epochs", "three"], "Invalid value for '--epochs'"),
    "--resume without --out": (["--resume"], "--resume needs to know the run"),
    "--resume of nothing": (["--resume", "--out", "none"], "none: no run to resume"),
    "an unknown engine": (["--engine", "fast"], "run.engine = 'fast'"),
    "no cuda": (["--device", "cuda"], "device cuda is not available"),
    "dropout between one layer": (["--set", "model.layer_dropout=0.3"], "model.num_layers is 1"),
}


def assert_refused(status: int, err: str, message: str) -> None:
    assert status == 2, err
    assert message in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1, "one line"
    assert "Traceback" not in err


@pytest.mark.parametrize("name", BAD_SOURCES)
def test_bad_data_is_one_line_and_leaves_nothing(lstmkit: Command, tmp_path: Path, name: str) -> None:
    make, options, message = BAD_SOURCES[name]
    source = make(tmp_path)
    done = lstmkit("train", source, "--out", "run", *options)
    assert_refused(done.status, done.err, message)
    assert contents_names(Path()) == []


@pytest.mark.parametrize("name", BAD_REQUESTS)
@pytest.mark.parametrize("command", ["train", "lab"])
def test_a_bad_request_is_one_line_and_leaves_nothing(lstmkit: Command, reviews: Path, command: str, name: str) -> None:
    options, message = BAD_REQUESTS[name]
    if name == "no cuda":
        torch = pytest.importorskip("torch")
        if torch.cuda.is_available():
            pytest.skip("there is a GPU here")
    done = lstmkit(command, reviews, *options)
    assert_refused(done.status, done.err, message)
    assert contents_names(Path()) == []


def test_the_tables_above_cover_the_list() -> None:
    assert len(BAD_SOURCES) >= 14
    assert len(BAD_REQUESTS) >= 12


def test_an_unreadable_file() -> None:
    """As another user than root, who may read everything; in a folder that another user can reach."""
    # What is imported late must be imported before the interpreter's own files are out of reach: hence a first command.
    script = (
        "import contextlib, io, os, sys\n"
        "from lstmkit.cli.main import run\n"
        "os.chdir(sys.argv[1])\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):\n"
        "    run(['data', 'info', 'open.csv'])\n"
        "    run(['train', 'none.csv', '--out', 'none'])\n"
        "if os.geteuid() == 0:\n"
        "    os.chown('.', 65534, 65534), os.setgroups([]), os.setgid(65534), os.setuid(65534)\n"
        "sys.exit(run(['train', 'secret.csv', '--out', 'run']))\n"
    )
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        csv(place / "open.csv")
        csv(place / "secret.csv").chmod(0)
        done = subprocess.run([sys.executable, "-c", script, name], capture_output=True, text=True, check=False)
        assert_refused(done.returncode, done.stderr, "secret.csv: cannot be read (Permission denied)")
        assert contents_names(place) == ["open.csv", "secret.csv"]


@pytest.fixture
def finished(lstmkit: Command, reviews: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "finished"
    assert lstmkit("train", reviews, "--out", folder, "--epochs", 1, *SMALL).status == 0
    return folder


def contents_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_that_holds_a_run_is_never_written_over(lstmkit: Command, reviews: Path, finished: Path) -> None:
    before = contents(finished)
    for command in ("train", "lab"):
        done = lstmkit(command, reviews, "--out", finished, "--epochs", 1, *SMALL)
        assert_refused(done.status, done.err, "holds a run, which is never written over; add --resume")
    done = lstmkit("train", reviews, "--out", finished, "--epochs", 2, "--resume", *SMALL)
    assert_refused(done.status, done.err, "train.epochs (1 there, 2 here)")
    done = lstmkit("train", reviews, "--out", finished, "--epochs", 1, "--seed", 1, "--resume", *SMALL)
    assert_refused(done.status, done.err, "seed (0 there, 1 here)")
    assert contents(finished) == before
    done = lstmkit("train", reviews, "--out", finished, "--epochs", 1, "--resume", *SMALL)
    assert done.status == 0
    assert contents(finished) == before


def test_a_finished_run_needs_no_data_any_more(lstmkit: Command, reviews: Path, finished: Path) -> None:
    reviews.unlink()
    done = lstmkit("train", reviews, "--out", finished, "--epochs", 1, "--resume", *SMALL)
    assert done.status == 0
    assert "this run is finished" in done.err


def test_a_run_is_not_resumed_on_other_data(lstmkit: Command, reviews: Path, finished: Path) -> None:
    (finished / "report.html").unlink()
    content = reviews.read_text()
    reviews.write_text(content.replace(",pos", ",x").replace(",neg", ",pos").replace(",x", ",neg"))
    command = ["train", reviews, "--out", finished, "--epochs", 1, "--resume", *SMALL]
    before = contents(finished)
    done = lstmkit(*command)
    assert done.status == 2
    assert "the data have changed since this run was begun" in done.err.splitlines()[-1]
    assert contents(finished) == before
    reviews.write_text(content)
    assert lstmkit(*command).status == 0


def test_predictions_are_not_written_over_their_own_source(lstmkit: Command, reviews: Path, finished: Path) -> None:
    before = reviews.read_bytes()
    done = lstmkit("predict", finished, "--input", reviews, "--output", reviews)
    assert_refused(done.status, done.err, "reviews.csv: is there already and is not written over")
    assert reviews.read_bytes() == before


def test_a_folder_with_other_files_is_refused(lstmkit: Command, reviews: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    done = lstmkit("train", reviews, "--out", tmp_path / "mine")
    assert_refused(done.status, done.err, "mine: holds other files")
    assert contents(tmp_path / "mine") == {"thesis.txt": b"years of work"}
    done = lstmkit("train", reviews, "--out", reviews)
    assert_refused(done.status, done.err, "a file stands there; --out takes a folder")


@pytest.mark.parametrize("command", [["predict", "RUN", "a film"], ["evaluate", "RUN"], ["report", "RUN"]])
def test_what_is_not_a_run_is_refused(lstmkit: Command, tmp_path: Path, command: list[str]) -> None:
    for name, message in (("none", "none"), ("empty", "not a run folder")):
        if name == "empty":
            (tmp_path / name).mkdir()
        arguments = [str(tmp_path / name) if word == "RUN" else word for word in command]
        done = lstmkit(*arguments)
        assert_refused(done.status, done.err, message)


def test_a_model_from_a_newer_format_is_refused(lstmkit: Command, finished: Path) -> None:
    path = finished / "model" / "model.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps(about | {"format": FORMAT + 1}))
    done = lstmkit("predict", finished, "a film")
    assert_refused(done.status, done.err, "is newer than this lstmkit")


def test_a_planted_pickle_is_never_opened(lstmkit: Command, finished: Path) -> None:
    pickle = b"cos\nsystem\n(S'touch planted'\ntR."
    for name in ("model/model.pkl", "model/pytorch_model.bin", "checkpoints/last.pt"):
        (finished / name).write_bytes(pickle)
    assert lstmkit("predict", finished, "a film").status == 0
    (finished / "model" / "model.safetensors").write_bytes(pickle)
    done = lstmkit("predict", finished, "a film")
    assert_refused(done.status, done.err, "model.safetensors: damaged or altered")
    assert contents_names(Path()) == []


def test_predict_wants_texts_or_a_file(lstmkit: Command, finished: Path, tmp_path: Path) -> None:
    assert_refused(*refusal(lstmkit("predict", finished)), "predict takes texts or --input")
    assert_refused(*refusal(lstmkit("predict", finished, "  ")), "text:1: the text is empty")
    assert_refused(*refusal(lstmkit("predict", finished, "--input", tmp_path / "no.txt")), "no.txt: cannot be read")
    done = lstmkit("predict", finished, "a film", "--output", tmp_path / "out.xlsx")
    assert_refused(done.status, done.err, "a table is written as .jsonl, .csv, .parquet")


def refusal(outcome: object) -> tuple[int, str]:
    return outcome.status, outcome.err  # type: ignore[attr-defined]


def test_a_disk_that_fills_up_is_one_line_and_keeps_what_was_there(
    lstmkit: Command, reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ENOSPC at the writer, at each file in turn; the run resumes once there is room."""
    import errno

    from lstmkit.core import files

    folder = tmp_path / "run"
    command = ["train", reviews, "--out", folder, "--epochs", 2, *SMALL]
    real, calls = os.fsync, {"left": 0}

    def full(descriptor: int) -> None:
        calls["left"] -= 1
        if calls["left"] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(files.os, "fsync", full)
    resume: list[str] = []
    for n_written in range(0, 40, 2):
        calls["left"] = n_written
        done = lstmkit(*command, *resume)
        if done.status == 0:
            break
        assert done.status == 2
        assert done.err.splitlines()[-1].startswith("error: ")
        assert "No space left on device" in done.err
        assert "Traceback" not in done.err
        if n_written == 0:
            assert not folder.exists() or contents(folder) == {}
        resume = ["--resume"] if (folder / "config.toml").exists() else []
    assert n_written >= 10, "the disk filled up at several files"
    monkeypatch.setattr(files.os, "fsync", real)
    assert not [path for path in folder.rglob("*") if path.name.startswith(".")], "no partial file is left"
    whole = tmp_path / "whole"
    assert lstmkit("train", reviews, "--out", whole, "--epochs", 2, *SMALL).status == 0
    assert (whole / "predictions.jsonl").read_bytes() == (folder / "predictions.jsonl").read_bytes()


@pytest.mark.root
def test_a_real_disk_that_is_full(lstmkit: Command, tmp_path: Path) -> None:
    """A tmpfs of 192 KiB, too small for the checkpoint; what is on it stays whole."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    assert mount, "mount is part of every Linux system"
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=192k", "none", disk], check=False).returncode:
        pytest.skip("this machine does not let root mount a tmpfs")
    try:
        source = write_reviews(tmp_path / "reviews.csv")
        done = lstmkit("train", source, "--out", disk / "run", "--epochs", 1, "--set", "model.hidden_size=128")
        assert done.status == 2
        assert done.err.splitlines()[-1].startswith("error: ")
        assert "No space left on device" in done.err
        assert sorted(path.name for path in (disk / "run").rglob("*") if path.is_file()) == [
            "config.toml",
            "data.json",
            "machine.json",
        ]
    finally:
        subprocess.run([shutil.which("umount") or "umount", disk], check=True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "RUN", b"caf\xe9"],
        ["predict", "RUN", "--input", b"caf\xe9.txt"],
        ["explain", "RUN", b"caf\xe9"],
        ["train", b"caf\xe9.csv"],
        ["train", "RUN", "--out", b"caf\xe9"],
        ["train", "RUN", "--set", b"data.text_column=caf\xe9"],
        ["lab", b"caf\xe9"],
        ["compare", b"caf\xe9"],
        ["probe", "--out", b"caf\xe9"],
        ["evaluate", b"caf\xe9"],
        ["analyze", b"caf\xe9"],
        ["report", b"caf\xe9"],
        ["data", "info", b"caf\xe9"],
        ["data", "fetch", b"caf\xe9"],
        [b"caf\xe9"],
    ],
    ids=str,
)
def test_an_argument_that_is_no_utf8_is_named(lstmkit: Command, arguments: list[str | bytes]) -> None:
    done = lstmkit(*(os.fsdecode(word) if isinstance(word, bytes) else word for word in arguments))
    assert_refused(done.status, done.err, "is not UTF-8; write it in UTF-8")
    place = next(k for k, word in enumerate(arguments) if isinstance(word, bytes))
    named = str(arguments[place - 1]) if str(arguments[place - 1]).startswith("--") else f"argument {place + 1}"
    assert done.err.startswith(f"error: {named}: ")
    assert "caf\\xe9" in done.err
    assert contents_names(Path()) == []
