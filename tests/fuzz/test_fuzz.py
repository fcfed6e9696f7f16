"""The fuzzer over a fixed seed; that it sees what is wrong; and tables of odd cells, drawn with hypothesis."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from fuzz_mutators import MUTATORS
from fuzz_reads import Answer, answer_of, command
from fuzz_seeds import all_seeds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fuzz

SEED = 2026
A_PIECE = 900  # inputs; some 20 ms of one core each


def assert_nothing_found(first: int, keep: Path) -> None:
    result = fuzz.fuzz(SEED, first, A_PIECE, keep=keep)
    assert result.n == A_PIECE
    assert not result.findings, "\n".join(result.lines())
    assert min(result.statuses[0], result.statuses[2]) > A_PIECE // 20  # it reads, and it refuses


@pytest.mark.parametrize("piece", range(2))
def test_mutated_files_are_read_or_refused(piece: int, tmp_path: Path) -> None:
    assert_nothing_found(piece * A_PIECE, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("piece", range(2, 8))
def test_more_mutated_files_are_read_or_refused(piece: int, tmp_path: Path) -> None:
    assert_nothing_found(piece * A_PIECE, tmp_path)


def test_the_tables_are_whole() -> None:
    seeds = all_seeds()
    assert len(seeds) >= 45
    assert len(MUTATORS) >= 15
    read = {name for seed in seeds for name in seed.reads}
    assert read >= {"info", "forecast", "config", "set", "report", "state", "checkpoint", "predict_sound"}


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (Answer(0, "", ""), ""),
        (Answer(2, "", "error: a.csv: empty\n"), ""),
        (Answer(1, "", "error: ValueError: x; this is a fault\n"), "error: ValueError: x; this is a fault"),
        (Answer(2, "", ""), "exit status 2 with 0 lines of error"),
        (Answer(2, "", "error: a\nerror: b\n"), "exit status 2 with 2 lines of error"),
        (Answer(2, "", f"error: {'x' * 999}\n"), "an error of 1,006 characters"),
        (Answer(0, "", "/a/b.py:3: RuntimeWarning: overflow\n"), "/a/b.py:3: RuntimeWarning: overflow"),
    ],
)
def test_what_counts_as_a_fault(answer: Answer, fault: str) -> None:
    assert answer.fault == fault


class Toy(fuzz.Process):
    """A worker that answers as told, without a process."""

    def __init__(self, answers: list[dict[str, Any] | None], status: int, folder: Path) -> None:
        self.n, self.folder, self._answers, self._process = 0, folder, answers, self
        self._status = status

    def _line(self) -> dict[str, Any] | None:
        return self._answers.pop(0)

    def wait(self) -> int:
        return self._status

    def last_words(self) -> str:
        return "last words"


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (-signal.SIGPROF, "over 10 s of the processor's time"),
        (-signal.SIGALRM, "over 100 s, waiting"),
        (-signal.SIGSEGV, "the process ended with -11: last words"),
    ],
)
def test_an_input_that_ends_the_worker_is_named(status: int, fault: str, tmp_path: Path) -> None:
    (tmp_path / fuzz.NOTE).write_text(json.dumps({"number": 7, "name": "csv", "read": "info"}))
    told = Toy([None], status, tmp_path).answer()
    assert (told["number"], told["fault"], told["dead"]) == (7, fault, True)


def test_a_worker_that_ends_by_itself_is_no_finding(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="last words"):
        Toy([None], 1, tmp_path).answer()


CELLS = st.one_of(
    st.text(max_size=8),
    st.integers().map(str),
    st.floats().map(str),
    st.datetimes().map(str),
    st.sampled_from(["", "a", "b", "0", "nan", '"', "9" * 400, "9999-12-31", "\0", "1,5", "[]", "True", "?", "\ufeff"]),
)
NAMES = st.lists(
    st.sampled_from(["text", "label", "series", "time", "x", "y", "ds", "id", "path", "", "1"]),
    min_size=1,
    max_size=5,
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats() | st.text(max_size=5) | CELLS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
TASKS = st.sampled_from([[], ["--on-bad-row", "fail"], ["--task", "forecast"]])
UNHURRIED = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def answered(path: Path, content: bytes, options: list[str]) -> str:
    path.write_bytes(content)
    answer = answer_of(command("data", "info", str(path), *options))
    return answer.fault and f"{answer.fault}\n{answer.err}"


@UNHURRIED
@given(names=NAMES, data=st.data(), options=TASKS, separator=st.sampled_from([",", "\t"]))
def test_tables_of_odd_cells(
    tmp_path: Path, names: list[str], data: st.DataObject, options: list[str], separator: str
) -> None:
    rows = data.draw(st.lists(st.lists(CELLS, min_size=len(names), max_size=len(names)), min_size=1, max_size=12))
    rows = rows * data.draw(st.sampled_from([1, 6]))
    content = "\n".join(separator.join(row) for row in [names, *rows]).encode(errors="surrogatepass")
    assert not answered(tmp_path / ("a.csv" if separator == "," else "a.tsv"), content, options)


@UNHURRIED
@given(names=NAMES, data=st.data(), options=TASKS)
def test_objects_of_odd_values(tmp_path: Path, names: list[str], data: st.DataObject, options: list[str]) -> None:
    shape = st.fixed_dictionaries({}, optional=dict.fromkeys(names, VALUES))
    rows = data.draw(st.lists(shape, min_size=1, max_size=8)) * data.draw(st.sampled_from([1, 6]))
    content = "".join(json.dumps(row) + "\n" for row in rows).encode(errors="surrogatepass")
    assert not answered(tmp_path / "a.jsonl", content, options)
