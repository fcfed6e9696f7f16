"""`lstmkit explain`: a page, a record or the terminal; from a text, a pipe or a test example; and what it refuses."""

import io
import json
import re
import shutil
from pathlib import Path

import pytest
from small_runs import SMALL, Command, write_reviews

from lstmkit.cli import explanation_text
from lstmkit.cli.main import run
from small_evidence import shorten_evidence

TEXT = "the film was fine"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab folder: an LSTM and its twin."""
    folder = tmp_path_factory.mktemp("explained")
    reviews = write_reviews(folder / "reviews.csv")
    options = ["--epochs", "2", "--set", "train.learning_rate=0.05", "--set", "encoder.max_length=20", *SMALL]
    with pytest.MonkeyPatch.context() as patch:
        shorten_evidence(patch)
        assert run(["lab", str(reviews), "--out", str(folder / "lab"), *options]) == 0
    return folder / "lab"


def test_a_page_is_written_into_the_run_and_its_path_told(lstmkit: Command, lab: Path) -> None:
    pages = []
    for _ in range(2):
        done = lstmkit("explain", lab, TEXT)
        assert done.status == 0, done.err
        assert done.err == ""
        pages.append(Path(done.out.strip()))
    assert pages[0] != pages[1]
    for page in pages:
        assert page.parent == lab / "explanations"
        assert page.name.startswith("the-film-was-fine-")
        assert page.stat().st_size < 3_000_000
        assert "RNN says" in page.read_text("utf-8")
    done = lstmkit("explain", lab / "lstm", TEXT)
    assert "RNN says" not in Path(done.out.strip()).read_text("utf-8")


def test_a_test_example_comes_with_its_true_label(lstmkit: Command, lab: Path) -> None:
    first = json.loads((lab / "lstm" / "predictions.jsonl").read_text().splitlines()[0])
    done = lstmkit("explain", lab, "--id", first["id"], "--out", "one.json")
    assert done.status == 0, done.err
    assert done.out == "one.json\n"
    record = json.loads(Path("one.json").read_text())
    assert (record["id"], record["label"]) == (first["id"], first["label"])
    assert [model["cell"] for model in record["models"]] == ["lstm", "rnn"]
    found = dict(zip(record["labels"], record["models"][0]["probabilities"], strict=True))
    assert found == pytest.approx(first["probabilities"], abs=1e-6)


def test_the_terminal_gets_words(lstmkit: Command, lab: Path) -> None:
    done = lstmkit("explain", lab, "--text", TEXT)
    assert done.status == 0, done.err
    lines = done.out.splitlines()
    assert re.match(r"LSTM: (pos|neg) \d+\.\d%", lines[0])
    assert re.match(r"RNN: (pos|neg) \d+\.\d%", lines[1])
    assert "\x1b" not in done.out
    assert re.search(r"^the\S* film\S* was\S* fine\S*$", done.out, re.MULTILINE)
    assert re.search(r"\w\[[+-]\d\.\d\d\]", lines[3])
    assert re.search(r"for “(pos|neg)”: .*\nagainst “(pos|neg)”: ", done.out)
    assert ": complete, " in done.out
    both = lstmkit("explain", lab, TEXT, "--text", "--out", "page.html")
    assert both.out == done.out
    assert both.err == "explanation: page.html\n"
    assert Path("page.html").exists()


def test_colours_tell_the_sign_twice_and_nothing_steers_the_terminal(
    lstmkit: Command, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lstmkit("explain", lab, "fine \x1b[2Jbad film dull", "--out", "r.json")
    record = json.loads(Path("r.json").read_text())
    record["models"][0]["attribution"]["values"][0] = [1.0, 0.0, 0.0, -1.0, *[0.0] * (record["n_read"] - 4)]

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    explanation_text.show(record)
    shown = screen.getvalue()
    assert "\x1b[2J" not in shown
    tokens = [token for _, token, _ in record["pieces"]]
    assert re.search(rf"\x1b\[[\d;]*48;5;\d+m{re.escape(tokens[0])}\x1b\[0m", shown)
    assert re.search(rf"\x1b\[4;[\d;]*m{re.escape(tokens[3])}\x1b\[0m", shown)
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    monkeypatch.setattr("sys.stdout", plain)
    explanation_text.show(record)
    assert "48;5" not in plain.getvalue()
    assert "[+1.00]" in plain.getvalue()


def test_a_pipe_a_long_text_and_unknown_words(lstmkit: Command, lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Pipe:
        buffer = io.BytesIO(("fine film " * 5000).encode() + b"\n")

    monkeypatch.setattr("sys.stdin", Pipe)
    done = lstmkit("explain", lab, "-", "--text")
    assert done.status == 0, done.err
    assert "read: 20 of 10,000 tokens, as the model truncates" in done.out
    assert "… 9,980 tokens not read …" in done.out
    done = lstmkit("explain", lab, "qqq zzz", "--text")
    assert "no token is in the vocabulary" in done.out
    assert lstmkit("explain", lab, "fine", "--text").status == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([""], "the text is empty; give a text with at least one token"),
        ([" \n"], "the text is empty"),
        ([], "explain takes a text or --id, one of the two"),
        (["a", "--id", "b"], "explain takes a text or --id, one of the two"),
        (["--id", "nobody"], "--id nobody: no test example of"),
        (["a", "--out", "page.pdf"], "an explanation is written as .html (a page) or .json"),
        (["a", "--out", "there.html"], "there.html: is there already and is not written over"),
    ],
)
def test_what_is_refused_is_one_line(lstmkit: Command, lab: Path, arguments: list[str], words: str) -> None:
    Path("there.html").write_text("mine")
    done = lstmkit("explain", lab, *arguments)
    assert done.status == 2
    assert done.err.startswith("error: ")
    assert words in done.err
    assert done.err.count("\n") == 1
    assert Path("there.html").read_text() == "mine"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose training has a seed of its own and whose splits have another, as `compare` makes them."""
    folder = tmp_path_factory.mktemp("alone")
    reviews = write_reviews(folder / "reviews.csv")
    options = ["--epochs", "1", "--seed", "1", "--set", "data.split_seed=0", *SMALL]
    assert run(["train", str(reviews), "--out", str(folder / "run"), *options]) == 0
    return folder


def test_test_examples_are_those_that_the_run_was_scored_on(lstmkit: Command, alone: Path) -> None:
    rows = [json.loads(line) for line in (alone / "run" / "predictions.jsonl").read_text().splitlines()]
    seen = {row["id"] for row in rows}
    for row in (rows[0], rows[-1]):
        done = lstmkit("explain", alone / "run", "--id", row["id"], "--out", f"{row['id'].replace(':', '-')}.json")
        assert done.status == 0, done.err
        record = json.loads(Path(done.out.strip()).read_text())
        found = dict(zip(record["labels"], record["models"][0]["probabilities"], strict=True))
        assert (record["label"], found) == (row["label"], pytest.approx(row["probabilities"], abs=1e-6))
    learned = next(name for name in (f"reviews.csv:{line}" for line in range(2, 122)) if name not in seen)
    done = lstmkit("explain", alone / "run", "--id", learned, "--text")
    assert done.status == 2
    assert "no test example of" in done.err


@pytest.mark.parametrize("checkpoints", [True, False], ids=["with checkpoints", "without"])
def test_test_examples_of_changed_data_are_refused(
    lstmkit: Command, alone: Path, tmp_path: Path, *, checkpoints: bool
) -> None:
    home = Path(shutil.copytree(alone / "run", tmp_path / "run"))
    if not checkpoints:
        shutil.rmtree(home / "checkpoints")
    identity = json.loads((home / "predictions.jsonl").read_text().splitlines()[0])["id"]
    kept = (alone / "reviews.csv").read_bytes()
    write_reviews(alone / "reviews.csv", n=200)
    try:
        done = lstmkit("explain", home, "--id", identity, "--text")
    finally:
        (alone / "reviews.csv").write_bytes(kept)
    assert (done.status, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert "the data of reviews have changed since this run was trained; put them back, or train again" in line
    assert lstmkit("explain", home, "--id", identity, "--text").status == 0


def test_data_named_by_a_relative_path_are_missed_with_the_reason(lstmkit: Command, lab: Path, tmp_path: Path) -> None:
    home = Path(shutil.copytree(lab, tmp_path / "lab"))
    for cell in ("lstm", "rnn"):
        path = home / cell / "config.toml"
        config = path.read_text()
        path.write_text(config.replace(f'"{lab.parent / "reviews.csv"}"', '"reviews.csv"'))
        assert path.read_text() != config
    for arguments in (["explain", home, "--id", "reviews.csv:2"], ["analyze", home], ["evaluate", home]):
        done = lstmkit(*arguments)
        assert (done.status, done.out) == (2, "")
        (line,) = done.err.splitlines()
        assert line.startswith("error: reviews.csv: no such file or folder from here; ")
        assert "by this path, relative to the folder in which the run was made" in line


def test_a_model_without_data_has_no_test_examples(lstmkit: Command, lab: Path) -> None:
    shutil.copytree(lab / "lstm" / "model", "model")
    done = lstmkit("explain", "model", "--id", "x")
    assert done.status == 2
    assert "model: holds a model without data (no config.toml); give the text itself instead of --id" in done.err
    assert done.err.count("\n") == 1
    assert lstmkit("explain", "model", TEXT, "--text").status == 0
    assert lstmkit("explain", "nowhere", TEXT).status == 2
