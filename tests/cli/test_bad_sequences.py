"""Bad series through the command line: exit 2, one line that says what came and what to do, nothing written."""

from collections.abc import Callable
from pathlib import Path

import pytest
from small_runs import Command

HEAD = "series_id,time,x,y,label\n"


def rows(step: float = 1, begin: int = 0, n_series: int = 20) -> str:
    """20 series of 5 steps of two channels."""
    return "".join(
        f"{k},{step * t},{t * (k % 2)},{t - k},{'ab'[k % 2]}\n"
        for k in range(begin, begin + n_series)
        for t in range(5)
    )


def table(folder: Path, content: str) -> Path:
    folder.joinpath("series.csv").write_text(content)
    return folder / "series.csv"


def two_tables(folder: Path, train: str, test: str) -> Path:
    folder.joinpath("train.csv").write_text(train)
    folder.joinpath("test.csv").write_text(test)
    return folder


def ts(folder: Path, dimensions: int, more: str = "") -> Path:
    head = f"@problemName toy\n@univariate false\n@dimensions {dimensions}\n@classLabel true a b\n@data\n"
    folder.joinpath("toy.ts").write_text(head + "".join(f"1,2,3:{k},5,6:{'ab'[k % 2]}\n" for k in range(20)) + more)
    return folder / "toy.ts"


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "nothing but NaN": (
        lambda d: table(d, HEAD + rows() + "z,0,,NaN,a\nz,1,NaN,,a\n"),
        "series.csv:102: every value is missing; mend it, or leave such rows out with --on-bad-row skip",
    ),
    "nothing but NaN in the whole table": (
        lambda d: table(d, HEAD + "".join(f"{k},{t},,NaN,{'ab'[k % 2]}\n" for k in range(20) for t in range(5))),
        "series.csv:2: every value is missing (20 such rows); mend it, or leave such rows out with --on-bad-row skip",
    ),
    "no channel that varies": (
        lambda d: table(d, HEAD + "".join(f"{k},{t},3,7,{'ab'[k % 2]}\n" for k in range(20) for t in range(5))),
        "every channel stands still in the training part (x, y); one that varies is needed",
    ),
    "a value beyond float32 in a table of steps": (
        lambda d: table(d, HEAD + rows() + "z,0,1,1e39,a\n"),
        "series.csv:102: a value beyond float32 (1e+39 in column 'y')",
    ),
    "a value beyond float32 in a table of series": (
        lambda d: table(d, "a,b,c,label\n" + "1,2,3,x\n4,-3.41e38,6,y\n"),
        "series.csv:3: a value beyond float32 (-3.41e+38 in column 'b')",
    ),
    "a value beyond float32 in a list": (
        lambda d: jsonl(d, ['{"values": [[1.5, 2], [3, 1e300]], "label": "a"}']),
        "series.jsonl:1: a value beyond float32 (1e+300 at step 2)",
    ),
    "a value beyond float32 in a .ts file": (
        lambda d: ts(d, dimensions=2, more="1,2,1e39:4,5,6:a\n"),
        "toy.ts:26: a value beyond float32 (1e+39); mend it",
    ),
    "a channel missing in one file": (
        lambda d: two_tables(d, HEAD + rows(), "series_id,time,x,label\n0,0,1,a\n0,1,2,a\n1,0,1,b\n"),
        "test.csv: no column 'y'",
    ),
    "different channel counts": (
        lambda d: jsonl(
            d, ['{"values": [[1.5, 2], [3, 4]], "label": "a"}'] * 9 + ['{"values": [[1.5]], "label": "b"}']
        ),
        "series.jsonl:10: another number of channels (1; the first series has 2)",
    ),
    "unsorted times": (
        lambda d: table(d, HEAD + rows() + "z,1,1,1,a\nz,0,2,2,a\nz,2,3,3,a\n"),
        "series.csv:103: times that do not rise ('0' after '1' in column 'time'); sort the rows by it; mend it",
    ),
    "repeated times": (
        lambda d: table(d, HEAD + rows() + "z,0,1,1,a\nz,1,2,2,a\nz,1,3,3,a\n"),
        "series.csv:104: a time that occurs twice ('1' after '1' in column 'time'); keep one row for each time",
    ),
    "mixed sampling rates": (
        lambda d: table(d, HEAD + rows() + rows(5, begin=90, n_series=2)),
        "series.csv:102: another sampling interval (5; most have 1) (2 such rows)",
    ),
    "another sampling rate in another file": (
        lambda d: two_tables(d, HEAD + rows(), HEAD + rows(5, begin=90, n_series=2)),
        "test.csv:2: another sampling interval (5; most have 1) (2 such rows)",
    ),
    "rows that name no series": (
        lambda d: table(d, HEAD + rows() + ",0,1,1,a\n,1,2,2,a\n"),
        "series.csv:102: the series has no name (column 'series_id' is empty) (2 such rows)",
    ),
    "a header that lies about dimensions": (
        lambda d: ts(d, dimensions=3),
        "toy.ts:6: another number of dimensions than @dimensions says (2; it says 3) (20 such rows)",
    ),
    "labels absent": (
        lambda d: table(d, "series_id,time,x,y\n" + "".join(line.rpartition(",")[0] + "\n" for line in rows().split())),
        "series.csv: which column is the label?",
    ),
    "a label missing in one series": (
        lambda d: table(d, HEAD + rows() + "z,0,1,1,\nz,1,2,2,\n"),
        "series.csv:102: the label is missing",
    ),
}


def jsonl(folder: Path, lines: list[str]) -> Path:
    folder.joinpath("series.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "series.jsonl"


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("command", ["train", "lab"])
def test_bad_series_have_one_line(lstmkit: Command, tmp_path: Path, case: str, command: str) -> None:
    make, said = BAD[case]
    folder = tmp_path / "source"
    folder.mkdir()
    status, out, error = lstmkit(command, make(folder), "--out", "run", "--threads", 1)
    assert (status, out) == (2, "")
    lines = [line for line in error.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert said in lines[0]
    assert error.splitlines()[-1] == lines[0]
    assert not Path("run").exists()
