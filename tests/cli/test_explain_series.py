"""`lstmkit explain` of a run on series: a test example, a file's only series or one of several, and what is refused."""

import csv
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from small_runs import Command

from lstmkit import load
from lstmkit.cli import explanation_text
from lstmkit.cli.main import run

SMALL = ["--threads", "1", "--epochs", "2", "--set", "model.hidden_size=8", "--set", "model.embedding_size=4"]


def write(path: Path, n: int, channels: tuple[str, ...] = ("x", "y"), seed: int = 0) -> Path:
    """A table with a row for each step: ragged series, the second channel with gaps."""
    random = np.random.default_rng(seed)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["series_id", "time", *channels, "label"])
        for k in range(n):
            for step in range(4 + k % 5):
                values = {name: round(random.normal(step if k % 2 else -step, 0.3), 3) for name in channels}
                if step % 3 == 1:
                    values[channels[-1]] = ""
                table.writerow([f"g{k}", step, *values.values(), "rises" if k % 2 else "falls"])
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run on gestures.csv."""
    folder = tmp_path_factory.mktemp("series")
    source = write(folder / "gestures.csv", 60)
    assert run(["train", str(source), "--out", str(folder / "run"), *SMALL]) == 0
    return folder


def test_a_test_example_has_a_page_and_a_record_with_its_label(lstmkit: Command, home: Path) -> None:
    first = json.loads((home / "run" / "predictions.jsonl").read_text().splitlines()[0])
    done = lstmkit("explain", home / "run", "--id", first["id"])
    assert done.status == 0, done.err
    page = Path(done.out.strip())
    assert page.parent == home / "run" / "explanations"
    assert "Which steps count, in which channel" in page.read_text("utf-8")
    done = lstmkit("explain", home / "run", "--id", first["id"], "--out", "one.json")
    record = json.loads(Path("one.json").read_text())
    assert (record["kind"], record["id"], record["label"]) == ("series", first["id"], first["label"])
    found = dict(zip(record["labels"], record["models"][0]["probabilities"], strict=True))
    assert found == pytest.approx(first["probabilities"], abs=1e-6)


def test_a_file_s_only_series_needs_no_id_and_others_do(lstmkit: Command, home: Path) -> None:
    one = write(Path("one.csv"), 1, seed=3)
    assert lstmkit("explain", home / "run", one, "--out", "a.json").status == 0
    record = json.loads(Path("a.json").read_text())
    assert (record["n_read"], record["label"], record["series"]["channels"]) == (4, "falls", ["x", "y"])
    several = write(Path("several.csv"), 4)
    done = lstmkit("explain", home / "run", several)
    assert done.status == 2
    assert re.search(r"holds 4 series; say which with --id \(several.csv:g0, .*, … \(4 in all\)\)", done.err)
    assert lstmkit("explain", home / "run", several, "--id", "several.csv:g2", "--out", "b.json").status == 0
    assert json.loads(Path("b.json").read_text())["id"] == "several.csv:g2"


def test_channels_are_found_by_their_names(lstmkit: Command, home: Path) -> None:
    write(Path("one.csv"), 1, seed=3)
    rows = list(csv.DictReader(Path("one.csv").read_text().splitlines()))
    with Path("turned.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, ["series_id", "time", "y", "x", "label"])
        table.writeheader()
        table.writerows(rows)
    Path("wider.csv").write_text(
        "\n".join(f"{line},{k if k else 'more'}" for k, line in enumerate(Path("one.csv").read_text().split())) + "\n"
    )
    for name in ("one", "turned", "wider"):
        assert lstmkit("explain", home / "run", f"{name}.csv", "--out", f"{name}.json").status == 0
    one, *others = (json.loads(Path(f"{name}.json").read_text()) for name in ("one", "turned", "wider"))
    for other in others:
        assert one["models"][0]["probabilities"] == other["models"][0]["probabilities"]
        assert one["series"] == other["series"]


def test_the_terminal_gets_curves(lstmkit: Command, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    several = write(Path("several.csv"), 4)
    done = lstmkit("explain", home / "run", several, "--id", "several.csv:g3", "--text")
    assert done.status == 0, done.err
    assert re.search(r"^LSTM: (falls|rises) \d+\.\d%", done.out)
    assert "true label: rises" in done.out
    lines = {line.split()[0]: line for line in done.out.splitlines() if line[:2] in ("x ", "y ")}
    assert re.fullmatch(r"x [▁▂▃▄▅▆▇█]{7}  \+\d\.\d\d -\d\.\d\d", lines["x"])
    assert re.fullmatch(r"y [▁▂▃▄▅▆▇█]·[▁▂▃▄▅▆▇█]{2}·[▁▂▃▄▅▆▇█]{2}  .*", lines["y"])
    assert re.search(r"^ +[ +-]*[+-]$", done.out, re.MULTILINE)
    assert re.search(r"for “(falls|rises)”: [xy] \+\d\.\d\d \(steps? \d.*\)", done.out)
    assert ": complete, " in done.out
    assert "\x1b" not in done.out

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    lstmkit("explain", home / "run", write(Path("one.csv"), 1), "--out", "r.json")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    explanation_text.show(json.loads(Path("r.json").read_text()))
    assert re.search(r"\x1b\[[\d;]*48;5;\d+m[▁▂▃▄▅▆▇█]", screen.getvalue())


def test_a_long_series_is_cut_and_says_so(lstmkit: Command, home: Path) -> None:
    options = ["--set", "encoder.max_length=3", *SMALL]
    assert lstmkit("train", home / "gestures.csv", "--out", "short", *options).status == 0
    done = lstmkit("explain", "short", write(Path("one.csv"), 1), "--text")
    assert "read: 3 of 4 steps, as the model truncates" in done.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "explain takes a file with a series, or --id of a test example"),
        (["--id", "nobody"], "--id nobody: no test example of"),
        (["nowhere.csv"], "nowhere.csv: no such file or folder"),
        (["several.csv", "--id", "nobody"], "--id nobody: no series of several.csv is called so"),
        (["other.csv"], "other.csv: no channel 'y'; there are x, z, and the model reads x, y; add it"),
        (["texts.csv"], "texts.csv: holds text, and this model reads numeric series"),
        (["a fine film"], "a fine film: no such file or folder"),
    ],
)
def test_what_is_refused_is_one_line(lstmkit: Command, home: Path, arguments: list[str], words: str) -> None:
    write(Path("several.csv"), 4)
    write(Path("other.csv"), 1, ("x", "z"))
    Path("texts.csv").write_text("text,label\na fine film,pos\na dull film,neg\n")
    done = lstmkit("explain", home / "run", *arguments)
    assert done.status == 2
    assert words in done.err
    assert done.err.count("error: ") == 1


def test_a_model_folder_explains_files_without_its_run(lstmkit: Command, home: Path) -> None:
    one = write(Path("one.csv"), 1)
    shutil.copytree(home / "run" / "model", "model")
    assert lstmkit("explain", "model", one, "--out", "m.json").status == 0
    done = lstmkit("explain", "model", "--id", "x")
    assert "holds a model without data (no config.toml); give a file with a series instead of --id" in done.err
    found = load(home / "run").explain(np.array([[0, 1], [1, np.nan]], np.float32))
    assert found.rows.shape == (2, 3)
