"""A run folder belongs to one process at a time, and a run goes on under the conditions that it began under."""

import errno
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_runs import SMALL, Command

from lstmkit.core import locks
from lstmkit.core.errors import RequestError
from lstmkit.experiment.folder import CONDITIONS, check_new, held_folder

OPTIONS = ["--epochs", 1, "--threads", 1, *SMALL]
COMMANDS: dict[str, list[Any]] = {
    "train": OPTIONS,
    "lab": ["--no-probe", *OPTIONS],
    "compare": ["--seeds", 1, "--rates", "0.01", *OPTIONS],
}
PROBE = ["probe", "--quick", "--tasks", "recall", "--cells", "rnn", "--lags", "2"]


def words_of(name: str, source: Path, folder: Path) -> list[Any]:
    return [*PROBE, "--out", folder] if name == "probe" else [name, source, *COMMANDS[name], "--out", folder]


# Where a run may begin


@pytest.mark.parametrize(
    "names",
    [
        [],
        [".config.toml.01234567.partial"],
        [".config.toml.X.partial", ".lock"],
        [".plan.json.abc_d123.partial"],
        [".lock"],
        [".model.01234567.partial/model.safetensors"],
    ],
)
def test_what_a_kill_leaves_does_not_hinder_a_beginning(tmp_path: Path, names: list[str]) -> None:
    folder = filled(tmp_path / "run", names)
    check_new(folder, "config.toml", "a run")


@pytest.mark.parametrize(
    "names",
    [["notes.txt"], [".hidden"], [".partial"], ["x.partial"], ["a.b.partial"], [".lock", "notes.txt"], ["model/x"]],
)
def test_other_files_do(tmp_path: Path, names: list[str]) -> None:
    folder = filled(tmp_path / "run", names)
    with pytest.raises(RequestError, match="run: holds other files; choose an empty or new folder with --out"):
        check_new(folder, "config.toml", "a run")


def filled(folder: Path, names: list[str]) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("half")
    return folder


@pytest.mark.parametrize("name", [*COMMANDS, "probe"])
def test_a_refused_request_leaves_a_folder_as_it_was(lstmkit: Command, tmp_path: Path, name: str) -> None:
    folder = filled(tmp_path / "run", ["notes.txt"])
    before = folder.stat().st_mtime_ns
    done = lstmkit(*words_of(name, tmp_path / "none.csv", folder))
    assert done.status == 2
    assert "holds other files" in done.err
    assert ([path.name for path in folder.iterdir()], folder.stat().st_mtime_ns) == (["notes.txt"], before)


@pytest.mark.parametrize("existed", [True, False])
def test_a_data_error_takes_back_what_was_begun(lstmkit: Command, tmp_path: Path, existed: bool) -> None:
    (tmp_path / "bad.csv").write_text("text,label\n")
    if existed:
        (tmp_path / "run").mkdir()
    assert lstmkit("train", tmp_path / "bad.csv", "--out", tmp_path / "run", *OPTIONS).status == 2
    assert (tmp_path / "run").exists() is existed
    assert not existed or list((tmp_path / "run").iterdir()) == []


# One process at a time

HOLDER = """
import sys
from pathlib import Path
from lstmkit.experiment.folder import held_folder
with held_folder(Path(sys.argv[1]), print):
    print("held", flush=True)
    sys.stdin.readline()
"""


def holder(folder: Path) -> "subprocess.Popen[str]":
    """Another process that works in a folder."""
    line = [sys.executable, "-c", HOLDER, str(folder)]
    process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which another process works."""
    folder = tmp_path_factory.mktemp("held") / "run"
    process = holder(folder)
    yield folder
    process.communicate("\n")
    assert not folder.exists(), "it was made to be held, and nothing was written to it"


@pytest.mark.parametrize("name", [*COMMANDS, "probe"])
def test_a_folder_in_use_is_refused(lstmkit: Command, reviews: Path, held: Path, name: str) -> None:
    done = lstmkit(*words_of(name, reviews, held))
    assert done.status == 2
    assert done.err == (
        f"error: {held}: another lstmkit process works in it; wait until it ends, or choose another --out\n"
    )
    assert [path.name for path in held.iterdir()] == [".lock"]


@pytest.fixture
def cut_short(lstmkit: Command, reviews: Path, tmp_path: Path) -> tuple[list[Any], Path]:
    """The command and folder of a run that lacks its page, as a kill leaves one that had nothing else to do."""
    command = words_of("train", reviews, tmp_path / "run")
    assert lstmkit(*command).status == 0
    (tmp_path / "run" / "report.html").unlink()
    return command, tmp_path / "run"


def test_a_kill_frees_the_folder(lstmkit: Command, cut_short: tuple[list[Any], Path]) -> None:
    command, folder = cut_short
    other = holder(folder)
    assert lstmkit(*command, "--resume").status == 2
    other.send_signal(signal.SIGKILL)
    other.communicate()
    assert (folder / ".lock").exists()
    assert lstmkit(*command, "--resume").status == 0
    assert not (folder / ".lock").exists()
    assert (folder / "report.html").exists()


def test_a_file_system_without_locks_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unable(*_: object, **__: object) -> bool:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks, "take", unable)
    told: list[str] = []
    with held_folder(tmp_path / "run", told.append):
        (tmp_path / "run" / "x").write_text("")
    assert told == [f"note: the file system of {tmp_path / 'run'} has no locks; start one process at a time in it"]


@pytest.mark.slow
@pytest.mark.parametrize("resume", [False, True])
def test_of_several_at_one_moment_one_runs(cut_short: tuple[list[Any], Path], tmp_path: Path, resume: bool) -> None:
    command, _ = cut_short
    words = [*map(str, command), "--resume"] if resume else [*map(str, command[:-1]), "again"]
    line = [sys.executable, "-m", "lstmkit", *words]
    started = [
        subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    ended = [(process.communicate(timeout=600)[1], process.returncode) for process in started]
    statuses = sorted(status for _, status in ended)
    # A process that comes late finds a run that is finished, which is no fault.
    assert statuses in ([0, 2, 2], [0, 0, 2], [0, 0, 0]) if resume else statuses == [0, 2, 2]
    for err, status in ended:
        last = err.splitlines()[-1]
        assert status == 0 or "another lstmkit process" in last or "holds a run, which is never written over" in last
        assert "Traceback" not in err


# Other conditions

CHANGES = {
    "engine_of_lstm": ("elsewhere", "engine of lstm (elsewhere there, "),
    "native_instructions": ("sse9", "native instructions (sse9 there, "),
    "torch_instructions": ("sse9", "torch instructions (sse9 there, "),
    "threads": (7, "threads (7 there, 1 here)"),
    "device": ("Abacus", "device (Abacus there, cpu here)"),
    "lstmkit": ("0.0.1", "lstmkit (0.0.1 there, "),
    "torch": ("1.0", "torch (1.0 there, "),
    "numpy": ("1.0", "numpy (1.0 there, "),
}


def noted(folder: Path) -> dict[str, Any]:
    return json.loads((folder / CONDITIONS).read_text())


def change(folder: Path, key: str, value: Any) -> None:
    """Have a run be begun under another condition."""
    note = noted(folder)
    assert key in note["conditions"]
    note["conditions"][key] = value
    (folder / CONDITIONS).write_text(json.dumps(note))


def test_every_condition_has_its_row(cut_short: tuple[list[Any], Path]) -> None:
    assert set(noted(cut_short[1])["conditions"]) == set(CHANGES)
    assert noted(cut_short[1])["resumed_anyway"] == []


@pytest.mark.parametrize("key", CHANGES)
def test_other_conditions_are_refused_or_recorded(
    lstmkit: Command, cut_short: tuple[list[Any], Path], key: str
) -> None:
    command, folder = cut_short
    there, words = CHANGES[key]
    here = noted(folder)["conditions"][key]
    change(folder, key, there)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    done = lstmkit(*command, "--resume")
    assert done.status == 2
    assert done.err.startswith(f"error: {folder}: was begun under other conditions: {words}")
    assert done.err.endswith("restore them, or add --resume-anyway\n")
    assert done.err.count("\n") == 1
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    done = lstmkit(*command, "--resume-anyway")
    assert done.status == 0, done.err
    assert f"note: resumed under other conditions: {words}" in done.err
    (record,) = json.loads((folder / "environment.json").read_text())["resumed_anyway"]
    assert (record["there"], record["here"]) == ({key: there}, {key: here})
    (folder / "report.html").unlink()
    done = lstmkit(*command, "--resume")
    assert done.status == 0, "the conditions are those of now"
    assert json.loads((folder / "environment.json").read_text())["resumed_anyway"] == [record]


@pytest.mark.parametrize("name", ["lab", "compare", "probe"])
def test_studies_note_their_conditions_too(lstmkit: Command, reviews: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "it"
    command = words_of(name, reviews, folder)
    assert lstmkit(*command).status == 0
    cells = {"lab": ["lstm", "rnn"], "compare": ["lstm", "gru", "rnn"], "probe": ["rnn"]}[name]
    assert {key for key in noted(folder)["conditions"] if key.startswith("engine")} == {f"engine_of_{c}" for c in cells}
    change(folder, "torch", "1.0")
    (folder / "report.html").unlink()
    done = lstmkit(*command, "--resume")
    assert done.status == 2
    assert "was begun under other conditions: torch (1.0 there, " in done.err
    done = lstmkit(*command, "--resume-anyway")
    assert done.status == 0, done.err
    assert noted(folder)["resumed_anyway"][0]["there"] == {"torch": "1.0"}
    if name != "lab":  # whose runs were finished before
        assert "resumed_anyway" in json.loads((folder / "environment.json").read_text())


def test_a_part_that_is_trained_later_tells_of_it(lstmkit: Command, reviews: Path, tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    command = words_of("lab", reviews, folder)
    assert lstmkit(*command).status == 0
    change(folder, "threads", 3)
    (folder / "report.html").unlink()
    (folder / "rnn" / "report.html").unlink()
    assert lstmkit(*command, "--resume-anyway").status == 0
    assert "resumed_anyway" not in json.loads((folder / "lstm" / "environment.json").read_text())
    assert json.loads((folder / "rnn" / "environment.json").read_text())["resumed_anyway"][0]["here"] == {"threads": 1}


def test_a_run_that_noted_none_goes_on_with_a_warning(lstmkit: Command, cut_short: tuple[list[Any], Path]) -> None:
    command, folder = cut_short
    (folder / CONDITIONS).unlink()
    done = lstmkit(*command, "--resume")
    assert done.status == 0
    assert f"warning: {folder}: begun by a version of lstmkit that noted no engine, threads or versions" in done.err
    (folder / "report.html").unlink()
    done = lstmkit(*command, "--resume")
    assert done.status == 0
    assert "noted no engine" not in done.err


def test_a_run_that_had_only_begun_needs_no_warning(lstmkit: Command, cut_short: tuple[list[Any], Path]) -> None:
    command, folder = cut_short
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.name not in ("config.toml", "checkpoints"):
            path.rmdir() if path.is_dir() else path.unlink()
    (folder / "checkpoints" / ".machine.json.01234567.partial").write_text("half")
    done = lstmkit(*command, "--resume")
    assert done.status == 0
    assert "noted no engine" not in done.err
    assert not list(folder.rglob(".*.partial"))


@pytest.mark.parametrize("content", ["[]", "{}", '{"conditions": 1}', "{"])
def test_a_damaged_note_is_a_line(lstmkit: Command, cut_short: tuple[list[Any], Path], content: str) -> None:
    command, folder = cut_short
    (folder / CONDITIONS).write_text(content)
    done = lstmkit(*command, "--resume")
    assert done.status == 2
    assert f"{folder / CONDITIONS}: damaged" in done.err


def test_an_engine_chosen_by_the_environment_counts(
    lstmkit: Command, cut_short: tuple[list[Any], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    command, _ = cut_short
    monkeypatch.setenv("LSTMKIT_ENGINE", "reference")
    done = lstmkit(*command, "--resume")
    assert done.status == 2
    assert "was begun under other conditions: engine of lstm (" in done.err
    assert " there, reference here)" in done.err


def test_resume_anyway_of_a_run_under_the_same_conditions_records_nothing(
    lstmkit: Command, cut_short: tuple[list[Any], Path]
) -> None:
    command, folder = cut_short
    assert lstmkit(*command, "--resume-anyway").status == 0
    assert "resumed_anyway" not in json.loads((folder / "environment.json").read_text())
