"""Names, labels, texts and errors that would steer a terminal or a page: no command lets one through."""

import ast
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_runs import SMALL

from lstmkit.cli import terminal
from lstmkit.cli.main import run
from lstmkit.core.wording import LONGEST_ERROR, clean, escaped, one_line, printable, shortened, straight

EVIL = "\x1b]0;x\x07\x1b[31m\r\u202e\x9b"
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
LABELS = (f"good{EVIL}", f"bad{EVIL}")
WORK = [*SMALL, "--epochs", "1", "--threads", "1", "--set", "model.bidirectional=false"]
DUEL = ["--seeds", "1", "--rates", "0.01", *WORK]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a source, a run, a lab and a comparison, all named and filled with hostile words."""
    place = tmp_path_factory.mktemp("world") / f"p{EVIL}"
    place.mkdir()
    rows = [
        {"text": f"a {('fine', 'dull')[k % 2]} film {EVIL} {k % 7}", "label": LABELS[k % 2], f"more{EVIL}": EVIL}
        for k in range(60)
    ]
    source = place / f"s{EVIL}.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (place / f"bad{EVIL}.jsonl").write_text(json.dumps({"text": 3, "label": EVIL}) + "\n")
    assert run(["train", str(source), "--out", str(place / "run"), *WORK]) == 0
    assert run(["lab", str(source), "--out", str(place / "lab"), "--no-probe", *WORK]) == 0
    assert run(["compare", str(source), "--out", str(place / "duel"), *DUEL]) == 0
    return place


COMMANDS: dict[str, tuple[list[str], int]] = {
    "train": (["train", "SOURCE", "--out", "NEW", *WORK], 0),
    "train, a bad file": (["train", "BAD", "--out", "NEW"], 2),
    "train, no such column": (["train", "SOURCE", "--text-column", EVIL], 2),
    "train, no such key": (["train", "SOURCE", "--set", f"{EVIL}=1"], 2),
    "train, no such value": (["train", "SOURCE", "--set", f"model.cell={EVIL}"], 2),
    "train, no such preset": (["train", "SOURCE", "--preset", EVIL], 2),
    "train, no such option": (["train", "SOURCE", f"--x{EVIL}"], 2),
    "train, resumed": (["train", "SOURCE", "--out", "RUN", "--resume", *WORK], 0),
    "lab, resumed": (["lab", "SOURCE", "--out", "LAB", "--resume", *WORK], 0),
    "lab, no source": (["lab", f"none{EVIL}"], 2),
    "compare, no source": (["compare", f"none{EVIL}"], 2),
    "compare, resumed": (["compare", "SOURCE", "--out", "DUEL", "--resume", *DUEL], 0),
    "data info": (["data", "info", "SOURCE"], 0),
    "data info, a bad file": (["data", "info", "BAD"], 2),
    "data list": (["data", "list"], 0),
    "data fetch": (["data", "fetch", EVIL], 2),
    "evaluate": (["evaluate", "RUN"], 0),
    "evaluate, a source": (["evaluate", "RUN", "SOURCE", "--split", "all"], 0),
    "evaluate, early": (["evaluate", "RUN", "--earliness"], 0),
    "evaluate, no split": (["evaluate", "RUN", "SOURCE", "--split", EVIL], 2),
    "evaluate, no run": (["evaluate", f"none{EVIL}"], 2),
    "predict": (["predict", "RUN", f"a fine {EVIL}"], 0),
    "predict, a file": (["predict", "RUN", "--input", "SOURCE"], 0),
    "predict, a table": (["predict", "RUN", "--input", "SOURCE", "--output", "NEW.csv"], 0),
    "predict, skipped": (["predict", "RUN", "--input", "BAD", "--on-bad-row", "skip"], 0),
    "predict, a bad row": (["predict", "RUN", "--input", "BAD"], 2),
    "predict, a stream": (["predict", "RUN", "--stream", "--input", "SOURCE"], 0),
    "explain": (["explain", "RUN", f"a fine {EVIL}"], 0),
    "explain, here": (["explain", "LAB", f"a fine {EVIL}", "--text"], 0),
    "explain, an example": (["explain", "RUN", "--id", EVIL], 2),
    "report": (["report", "RUN"], 0),
    "report of a lab": (["report", "LAB"], 0),
    "report of a comparison": (["report", "DUEL"], 0),
    "report of nothing": (["report", f"none{EVIL}"], 2),
    "analyze": (["analyze", "RUN", "--examples", "4"], 0),
    "analyze a lab": (["analyze", "LAB", "--examples", "4"], 0),
    "probe": (["probe", "--tasks", EVIL], 2),
    "doctor": (["doctor"], 0),
    "no such command": ([EVIL], 2),
    "help": (["predict", "--help"], 0),
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_lets_a_word_steer_the_terminal(
    world: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    places = {
        "SOURCE": world / f"s{EVIL}.jsonl",
        "BAD": world / f"bad{EVIL}.jsonl",
        "RUN": world / "run",
        "LAB": world / "lab",
        "DUEL": world / "duel",
        "NEW": tmp_path / f"new{EVIL}",
        "NEW.csv": tmp_path / f"new{EVIL}.csv",
    }
    words, status = COMMANDS[name]
    arguments = [str(places.get(word, word)) for word in words]
    for debug in ([], ["--debug"]) if status else ([],):
        capfd.readouterr()
        assert run([*arguments, *debug]) == status
        out, err = capfd.readouterr()
        for text in (out, err):
            assert not STEERING.search(text), repr(STEERING.search(text))
        if status:
            assert err.splitlines()[-1].startswith("error: ")
            assert len(err.splitlines()[-1]) <= LONGEST_ERROR


def test_every_command_is_in_the_table() -> None:
    asked = {words[0] if words[0] != "data" else f"data {words[1]}" for words, _ in COMMANDS.values()}
    commands = {"train", "lab", "evaluate", "predict", "compare", "probe", "analyze", "explain", "report", "doctor"}
    assert commands | {"data list", "data info", "data fetch"} <= asked


def test_data_keep_their_value(world: Path, capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    assert run(["predict", str(world / "run"), "--input", str(world / f"s{EVIL}.jsonl")]) == 0
    rows = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert len(rows) == 60
    assert {row["predicted"] for row in rows} <= set(LABELS)
    assert all(row[f"more{EVIL}"] == EVIL for row in rows)


def test_pages_and_pictures_hold_none(world: Path) -> None:
    written = [path for path in world.rglob("*") if path.suffix in (".html", ".svg")]
    assert len(written) > 20
    for path in written:
        turning = "\u202a-\u202e\u2066-\u2069" if path.suffix == ".svg" else ""  # a page isolates texts by <bdi>
        found = re.search(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{turning}]", path.read_text())
        assert not found, (path, found)


def test_on_a_terminal_too(world: Path, tmp_path: Path) -> None:
    """With rich's own colours and bars: what is left without them holds nothing that steers."""
    master, other = pty.openpty()
    source = world / f"s{EVIL}.jsonl"
    command = [sys.executable, "-m", "lstmkit", "train", source, "--out", tmp_path / f"new{EVIL}", *WORK]
    process = subprocess.Popen(command, stdout=other, stderr=other, env=os.environ | {"TERM": "xterm", "COLUMNS": "99"})
    os.close(other)
    seen = b""
    while block := _read(master):
        seen += block
    os.close(master)
    assert process.wait(timeout=120) == 0
    text = seen.decode()
    assert "\x1b]" not in text
    assert "\x07" not in text
    assert "\x1b[31m\r" not in text
    assert not re.search("[\x80-\x9f\u202e]", text)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # Linux ends a terminal whose other side is closed with EIO
        return b""


def test_commands_write_through_one_module() -> None:
    """A command that wrote to stdout or stderr by itself would not be cleaned."""
    folder = Path(terminal.__file__).parent
    files = sorted(folder.glob("*.py"))
    assert len(files) > 20
    for path in files:
        if path.name == "terminal.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in ("write", "writelines"):
                assert not ast.unparse(node.value).startswith("sys."), f"{path.name}:{node.lineno}"
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
                assert "version" in ast.unparse(node), f"{path.name}:{node.lineno}"


@given(st.text())
def test_a_cleaned_text_steers_nothing(text: str) -> None:
    assert not STEERING.search(clean(text).replace("\n", "").replace("\t", ""))
    assert len(clean(text)) == len(text)
    assert clean(clean(text)) == clean(text)
    line = one_line(text)
    assert not STEERING.search(line)
    assert "\n" not in line
    assert len(straight(text)) == len(printable(text)) == len(text)


@pytest.mark.parametrize(
    "text", ["naïve café", "日本語", "نص عربي", "👩‍👩‍👧", "می‌خواهم", "a\N{NO-BREAK SPACE}b", "a\tb\nc", "ﬁ", "e\u0301"]
)
def test_texts_of_all_languages_stay_as_they_are(text: str) -> None:
    assert clean(text) == text
    assert straight(text) == text


@given(
    st.recursive(
        st.text() | st.integers() | st.booleans() | st.none(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_escaped_json_is_of_the_same_value(value: object) -> None:
    line = escaped(json.dumps(value, ensure_ascii=False))
    assert not STEERING.search(line)
    assert json.loads(line) == value


@given(st.text(min_size=1, max_size=2000), st.integers(20, 600))
def test_a_long_line_keeps_its_beginning_and_its_end(line: str, longest: int) -> None:
    short = shortened(line, longest)
    assert len(short) <= longest
    assert short[:5] == line[:5]
    assert short[-5:] == line[-5:]
