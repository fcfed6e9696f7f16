"""`predict --input` and `evaluate RUN SOURCE` of a run on series: what it reads, what it writes, what it refuses."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_runs import SMALL_SERIES, Command

from lstmkit import load
from lstmkit.cli.main import run
from lstmkit.core.files import digest_of

TINY = [*SMALL_SERIES, "--epochs", "1", "--threads", "1"]
STEPS = [
    (k, t, (t if k % 2 else -t) + k / 10, None if (k + t) % 5 == 0 else t - k) for k in range(30) for t in range(4)
]


def write_long(path: Path, columns: str = "case,time,x,y,group", steps: Any = STEPS) -> Path:
    """A table with a row for each step."""
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(columns.split(","))
        for case, time, x, y in steps:
            values = {"case": f"c{case}", "time": time, "x": x, "y": "" if y is None else y, "group": "ab"[case % 2]}
            table.writerow([values.get(name, 1) for name in columns.split(",")])
    return path


def arrays(steps: Any = STEPS) -> dict[str, np.ndarray]:
    """The same series by name."""
    found: dict[str, list[list[float]]] = {}
    for case, _, x, y in steps:
        found.setdefault(f"c{case}", []).append([x, np.nan if y is None else y])
    return {name: np.array(values) for name, values in found.items()}


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose channels are called x and y, its label column found by request."""
    folder = tmp_path_factory.mktemp("named")
    source = write_long(folder / "steps.csv")
    assert run(["train", str(source), "--out", str(folder / "run"), "--label-column", "group", *TINY]) == 0
    return folder / "run"


def ts_of(path: Path, n: int = 30, labels: bool = True, dimensions: int = 2) -> Path:
    head = f"@problemName toy\n@univariate false\n@dimensions {dimensions}\n@equalLength false\n"
    head += "@classLabel true a b\n@data\n" if labels else "@classLabel false\n@data\n"
    lines = []
    for k in range(n):
        parts = [",".join(str(t * (1 - 2 * (k % 2)) + d + k / 10) for t in range(3 + k % 3)) for d in range(dimensions)]
        lines.append(":".join([*parts, *(["ab"[k % 2]] if labels else [])]))
    path.write_text(head + "\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def nameless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose two channels have no names."""
    folder = tmp_path_factory.mktemp("nameless")
    assert run(["train", str(ts_of(folder / "toy.ts")), "--out", str(folder / "run"), *TINY]) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a table with a row for each series."""
    folder = tmp_path_factory.mktemp("wide")
    lines = ["id,s1,s2,s3,label", *(f"{k},{k % 2},{k % 3 + k % 2},{k / 7 if k % 3 else ''},{k % 2}" for k in range(30))]
    (folder / "wide.csv").write_text("\n".join(lines) + "\n")
    assert run(["train", str(folder / "wide.csv"), "--out", str(folder / "run"), *TINY]) == 0
    return folder / "run"


def records(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def agree(rows: list[dict[str, Any]], model: Path, expected: dict[str, np.ndarray]) -> None:
    assert [row["id"] for row in rows] == list(expected)
    answers = load(model).predict_proba(list(expected.values()))
    np.testing.assert_allclose([list(row["probabilities"].values()) for row in rows], answers, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "columns", ["case,time,x,y,group", "case,time,x,y", "y,group,time,x,case", "case,x,y", "case,time,z,x,y,group"]
)
def test_a_table_of_steps_with_or_without_labels_in_any_order(
    lstmkit: Command, named: Path, tmp_path: Path, columns: str
) -> None:
    done = lstmkit("predict", named, "--input", write_long(tmp_path / "new.csv", columns))
    assert done.status == 0, done.err
    rows = records(done.out)
    agree(rows, named, arrays())
    assert rows[1]["line"] == 6
    assert ("group" in rows[0]) == ("group" in columns)
    assert not any(column in rows[0] for column in "xyz")


def test_lists_of_jsonl_and_parquet_and_what_is_written(lstmkit: Command, named: Path, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="Parquet is an extra")
    from pyarrow import parquet

    rows = [
        {"who": k, "y": [None if np.isnan(v) else float(v) for v in values[:, 1]], "id": name, "x": list(values[:, 0])}
        for k, (name, values) in enumerate(arrays().items())
    ]
    (tmp_path / "new.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "new.parquet")
    for name in ("new.jsonl", "new.parquet"):
        done = lstmkit("predict", named, "--input", tmp_path / name)
        assert done.status == 0, done.err
        agree(records(done.out), named, arrays())
        assert [row["who"] for row in records(done.out)] == list(range(30))
        for output in ("out.csv", "out.parquet", "out.jsonl"):
            (tmp_path / output).unlink(missing_ok=True)
            done = lstmkit("predict", named, "--input", tmp_path / name, "--output", tmp_path / output)
            assert done.status == 0, done.err
    assert parquet.read_schema(tmp_path / "out.parquet").names[:4] == ["line", "id", "who", "predicted"]
    written = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    assert [row["id"] for row in written] == list(arrays())
    assert {"predicted", "probability", "probability_a", "probability_b"} <= set(written[0])


def test_a_table_of_one_series(lstmkit: Command, named: Path, tmp_path: Path) -> None:
    one = [step for step in STEPS if step[0] == 3]
    done = lstmkit("predict", named, "--input", write_long(tmp_path / "one.csv", "time,x,y", one))
    assert "a row for each step of one series, as no column names any" in done.err
    agree(records(done.out), named, {"one.csv:2": arrays()["c3"]})


@pytest.mark.parametrize("labels", [True, False])
def test_ts_files(lstmkit: Command, nameless: Path, named: Path, tmp_path: Path, labels: bool) -> None:
    path = ts_of(tmp_path / "new.ts", 7, labels)
    done = lstmkit("predict", nameless, "--input", path)
    assert done.status == 0, done.err
    rows = records(done.out)
    assert [row["id"] for row in rows] == [f"new.ts:{7 + k}" for k in range(7)]
    assert [row.get("label") for row in rows] == [("ab"[k % 2] if labels else None) for k in range(7)]
    # A model that knows names takes them by their place, and says so.
    done = lstmkit("predict", named, "--input", path)
    assert (done.status, len(records(done.out))) == (0, 7)
    assert "channels by their place: x, y" in done.err


def test_lists_of_steps_for_a_model_without_names(lstmkit: Command, nameless: Path, tmp_path: Path) -> None:
    file = tmp_path / "new.jsonl"
    file.write_text('{"id": "p", "values": [[1.5, 2], [3, null]]}\n{"id": "q", "values": [[1, 2]]}\n')
    done = lstmkit("predict", nameless, "--input", file)
    agree(records(done.out), nameless, {"p": np.array([[1.5, 2], [3, np.nan]]), "q": np.array([[1, 2]])})
    long = write_long(tmp_path / "new.csv")
    agree(records(lstmkit("predict", nameless, "--input", long).out), nameless, arrays())


def test_wide_tables(lstmkit: Command, wide: Path, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text("note,id,s1,s2,s3\nhello,7,1,2,\nthere,8,1,,3\n")
    done = lstmkit("predict", wide, "--input", file)
    assert done.status == 0, done.err
    rows = records(done.out)
    agree(rows, wide, {"7": np.array([[1.0], [2]]), "8": np.array([[1.0], [np.nan], [3]])})
    assert [row["note"] for row in rows] == ["hello", "there"]


def test_a_pipe(named: Path, tmp_path: Path) -> None:
    import subprocess
    import sys

    command = [sys.executable, "-m", "lstmkit", "predict", str(named), "--input", "-", "--input-format", "jsonl"]
    given = '{"x": [1, 2], "y": [3, 4]}\n'
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=True)
    agree(records(done.stdout), named, {"stdin:1": np.array([[1, 3], [2, 4]])})


def written(name: str, content: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_text(content)
        return folder / name

    return write


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a channel missing": (written("n.csv", "case,x\na,1\na,2\n"), "n.csv: no column 'y'; there are 'case', 'x'"),
    "a channel of lists missing": (written("n.jsonl", '{"x": [1.5, 2]}\n'), "n.jsonl: no column 'y'; there are 'x'"),
    "another name": (written("n.csv", "case,x,why\na,1,1\n"), "n.csv: no column 'y'"),
    "a table of text": (written("n.csv", "text\nhello\n"), "n.csv: no column 'x'; there are 'text'"),
    "another number of dimensions": (
        lambda d: ts_of(d / "n.ts", dimensions=3),
        "n.ts:7: another number of channels (3; the model reads 2); mend it, or leave such rows out",
    ),
    "no number": (written("n.csv", "case,x,y\na,1,2\na,fast,2\n"), "n.csv:3: not a number ('fast' in column 'x')"),
    "only missing": (written("n.csv", "case,x,y\na,,\na,,NaN\n"), "n.csv:2: every value is missing"),
    "an infinite value": (written("n.csv", "case,x,y\na,1,2\na,inf,2\n"), "n.csv:3: an infinite value in column 'x'"),
    "times that fall": (written("n.csv", "case,time,x,y\na,1,1,2\na,0,1,2\n"), "n.csv:3: times that do not rise"),
    "lists of two lengths": (written("n.jsonl", '{"x": [1, 2], "y": [1]}\n'), "n.jsonl:1: lists of different lengths"),
    "lines": (written("n.txt", "1,2\n"), "n.txt: lines hold texts, and the model reads series; give .ts, .csv"),
    "nothing there": (lambda d: d / "n.csv", "n.csv: cannot be read (No such file or directory)"),
    "too few fields": (written("n.csv", "case,x,y\na,1,2\na,1\n"), "n.csv:3: too few fields (2; the header has 3)"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(lstmkit: Command, named: Path, tmp_path: Path, name: str) -> None:
    write, message = BAD[name]
    done = lstmkit("predict", named, "--input", write(tmp_path), "--output", tmp_path / "out.csv")
    assert done.status == 2
    (error,) = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert error.startswith(f"error: {tmp_path}/{message}")
    assert not (tmp_path / "out.csv").exists()


def test_bad_rows_are_skipped_and_told(lstmkit: Command, named: Path, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    file.write_text("case,x,y\na,1,2\nb,,\nc,1,inf\nd,1\nd,3,4\n")
    done = lstmkit("predict", named, "--input", file, "--on-bad-row", "skip")
    assert done.status == 0
    assert [row["id"] for row in records(done.out)] == ["a", "d"]
    for line, fault in ((3, "every value is missing"), (4, "an infinite value"), (5, "too few fields")):
        assert f"skipped {file}:{line}: {fault}" in done.err
    assert "skipped 3 rows" in done.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["a text"], "reads numeric series, and a text came; give a file of series with --input FILE"),
        (["--input", "n.csv", "--text-column", "x"], "--text-column x names texts; leave it out"),
        (["--input", "-"], "lines hold texts, and the model reads series"),
    ],
)
def test_requests_that_are_for_texts(lstmkit: Command, named: Path, options: list[str], message: str) -> None:
    done = lstmkit("predict", named, *options)
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert message in done.err


def test_evaluation_of_another_source(lstmkit: Command, named: Path, nameless: Path, tmp_path: Path) -> None:
    def score(model: Path, path: Path) -> tuple[int, str, dict[str, Any]]:
        done = lstmkit("evaluate", model, path, "--split", "all", "--label-column", "group")
        return done.status, done.err, json.loads(done.out) if done.out else {}

    status, said, straight = score(named, write_long(tmp_path / "new.csv"))
    assert status == 0, said
    assert straight["n_in_training"] > 0
    assert "white space" not in said
    status, said, turned = score(named, write_long(tmp_path / "turned.csv", "y,z,case,time,x,group"))
    assert status == 0, said
    assert "channels by name: x, y; left out: z" in said
    assert turned["loss"] == straight["loss"]  # another order of channels, read as they stand, is another loss
    status, said, _ = score(named, write_long(tmp_path / "less.csv", "case,time,x,group"))
    assert status == 2
    assert "less.csv: no channel 'y'; there are x, and the model reads x, y; add it" in said
    done = lstmkit("evaluate", named, ts_of(tmp_path / "three.ts", dimensions=3), "--split", "all")
    assert done.status == 2
    assert "three.ts: another number of channels (3; the model reads 2: x, y); give as many" in done.err
    (tmp_path / "texts.csv").write_text("text,label\nhello,a\nyou,b\n")
    done = lstmkit("evaluate", nameless, tmp_path / "texts.csv", "--split", "all")
    assert done.status == 2
    assert "texts.csv: holds texts, and the model reads numeric series" in done.err


def paced(path: Path, interval: float, cases: str = "ab") -> Path:
    """Series of four steps, so many apart."""
    rows = "".join(f"{case},{interval * t:g},{t},{-t},{case}\n" for case in cases for t in range(4))
    path.write_text("case,time,x,y,group\n" + rows)
    return path


def test_series_sampled_otherwise_than_the_model_s_are_refused(lstmkit: Command, named: Path, tmp_path: Path) -> None:
    slow, said = paced(tmp_path / "slow.csv", 10), "another sampling interval (10; the model's is 1)"
    for words in (
        ("predict", named, "--input", slow),
        ("evaluate", named, slow, "--label-column", "group"),
        ("explain", named, slow, "--id", "slow.csv:a"),
    ):
        done = lstmkit(*words)
        assert (done.status, done.out) == (2, ""), words
        (error,) = [line for line in done.err.splitlines() if line.startswith("error: ")]
        assert said in error
    assert f"error: {slow}:2: {said}; mend it" in lstmkit("predict", named, "--input", slow).err
    with slow.open("a") as file:
        file.writelines(f"c,{1.05 * t:g},1,2,a\n" for t in range(4))
    done = lstmkit("predict", named, "--input", slow, "--on-bad-row", "skip")
    assert [row["id"] for row in records(done.out)] == ["c"]
    assert f"skipped {slow}:6: {said}" in done.err


def test_a_number_is_no_second(lstmkit: Command, tmp_path: Path) -> None:
    path, run_folder = tmp_path / "dated.csv", tmp_path / "run"
    rows = [f"{k},2024-01-01T00:0{t},{t * (k % 2)},{'ab'[k % 2]}\n" for k in range(30) for t in range(4)]
    path.write_text("case,time,x,label\n" + "".join(rows))
    assert lstmkit("train", path, "--out", run_folder, *TINY).status == 0
    assert json.loads((run_folder / "model" / "model.json").read_text())["interval"] == {"step": 60, "unit": "seconds"}
    assert lstmkit("predict", run_folder, "--input", path).status == 0
    done = lstmkit("predict", run_folder, "--input", paced(tmp_path / "counted.csv", 60))
    assert done.status == 2
    assert "another sampling interval (60; the model's is 1 min)" in done.err


def test_what_tells_no_interval_is_read(lstmkit: Command, named: Path, tmp_path: Path) -> None:
    slow = paced(tmp_path / "slow.csv", 10)
    rows = [line.split(",") for line in slow.read_text().split()]
    untimed = tmp_path / "untimed.csv"
    untimed.write_text("".join(f"{case},{','.join(values)}\n" for case, _, *values in rows))
    assert lstmkit("predict", named, "--input", untimed).status == 0
    single = tmp_path / "single.csv"
    single.write_text("case,time,x,y\na,7,1,2\n")
    assert lstmkit("predict", named, "--input", single).status == 0
    old = tmp_path / "old"
    shutil.copytree(named / "model", old)
    about = json.loads((old / "model.json").read_text())
    del about["interval"], about["digest"]
    (old / "model.json").write_text(json.dumps(about | {"digest": digest_of(about)}))
    assert lstmkit("predict", old, "--input", slow).status == 0
