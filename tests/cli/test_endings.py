"""How commands end where nothing is trained: signals outside the loop, a death before a record, wrong options."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_runs import SMALL, Command

from lstmkit.data.encoder import Encoder
from lstmkit.experiment import opponents, prepare, single, training
from lstmkit.train import loop
from lstmkit.train.checkpoint import Progress


def killed_in(real: Callable[..., Any], number: int) -> Callable[..., Any]:
    """The same function, in which the process gets a signal."""

    def function(*arguments: Any, **options: Any) -> Any:
        os.kill(os.getpid(), number)
        return real(*arguments, **options)

    return function


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (prepare, "load_corpus"),
        (prepare, "encode"),
        (single, "probabilities"),
        (opponents, "linear_baseline"),
        (single, "draw_run"),
    ],
    ids=["loading", "encoding", "scoring", "baseline", "drawing"],
)
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"])
def test_a_signal_outside_training(
    lstmkit: Command,
    reviews: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: Any,
    name: str,
    number: int,
    status: int,
) -> None:
    command = ["train", reviews, "--out", tmp_path / "run", "--epochs", 1, *SMALL]
    with monkeypatch.context() as patch:
        patch.setattr(place, name, killed_in(getattr(place, name), number))
        done = lstmkit(*command)
    assert done.status == status
    assert (
        done.err.splitlines()[-1] == f"stopped: what is written in {tmp_path / 'run'} is kept, --resume goes on from it"
    )
    assert "Traceback" not in done.err
    assert lstmkit(*command, "--resume").status == 0


def test_a_signal_within_the_tokenizer_s_own_code(
    lstmkit: Command, reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts are asked for from compiled code, which must pass the interruption on as what it is."""
    real = Encoder.fit.__func__  # type: ignore[attr-defined]

    def fit(cls: type[Encoder], texts: Any, *rest: Any) -> Encoder:
        return real(cls, (killed_in(str, signal.SIGINT)(text) for text in texts), *rest)

    monkeypatch.setattr(Encoder, "fit", classmethod(fit))
    done = lstmkit("train", reviews, "--out", tmp_path / "run", *SMALL)
    assert done.status == 130, done.err


def test_a_death_between_the_last_checkpoint_and_the_history_loses_no_epoch(
    lstmkit: Command, reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    command = ["train", reviews, "--out", folder, "--epochs", 3, *SMALL]
    with monkeypatch.context() as patch:
        real = training.write_jsonl

        def write_jsonl(path: Path, rows: Any) -> None:
            rows = list(rows)
            if path.name == "history.jsonl" and len(rows) == 3:
                raise MemoryError  # any end will do: the checkpoint of epoch 3 is written
            real(path, rows)

        patch.setattr(training, "write_jsonl", write_jsonl)
        assert lstmkit(*command).status == 1
    assert len((folder / "history.jsonl").read_text().splitlines()) == 2
    assert lstmkit(*command, "--resume").status == 0
    assert len((folder / "history.jsonl").read_text().splitlines()) == 3


def test_a_resumed_run_says_where_it_goes_on(
    lstmkit: Command, reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["train", reviews, "--out", tmp_path / "run", "--epochs", 3, *SMALL]
    real, calls = loop.train_step, iter(range(1, 99))

    def train_step(*arguments: Any) -> tuple[float, int]:
        if next(calls) == 8:
            os.kill(os.getpid(), signal.SIGINT)
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", train_step)
        stopped = lstmkit(*command)
    assert stopped.status == 130
    assert "resuming" not in stopped.err
    assert "stopped: in epoch 2 after batch 2 of 6;" in stopped.err.splitlines()[-1]
    with monkeypatch.context() as patch:
        patch.setattr(single, "probabilities", killed_in(single.probabilities, signal.SIGINT))
        again = lstmkit(*command, "--resume")
    assert "resuming in epoch 2 of 3, after batch 2 of 6\n" in again.err
    done = lstmkit(*command, "--resume")
    assert done.status == 0
    assert "resuming after the last epoch, 3 of 3: training is done, scoring follows\n" in done.err


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (Progress(epoch=4, step=0), "resuming after epoch 3 of 10"),
        (Progress(epoch=4, step=7), "resuming in epoch 4 of 10, after batch 7 of 9"),
        (
            Progress(epoch=4, step=0, stopped=True),
            "resuming after the last epoch, 3 of 10: training is done, scoring follows",
        ),
    ],
)
def test_where_a_run_goes_on_in_words(progress: Progress, words: str) -> None:
    assert training.resumption(progress, n_epochs=10, n_steps=9) == words


def test_options_that_would_be_passed_over_are_refused(lstmkit: Command, reviews: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert lstmkit("train", reviews, "--out", folder, "--epochs", 1, *SMALL).status == 0
    for options in (["--split", "valid"], ["--text-column", "text"], ["--on-bad-row", "skip"]):
        done = lstmkit("evaluate", folder, *options)
        assert done.status == 2
        assert "say how to read a SOURCE and none is given" in done.err
    for command in (["evaluate", folder], ["predict", folder, "a film"], ["doctor"]):
        done = lstmkit(*command, "--threads", -1)
        assert done.status == 2
        assert "Invalid value for '--threads'" in done.err


def test_rows_that_evaluate_skips_are_counted_and_listed(lstmkit: Command, reviews: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert lstmkit("train", reviews, "--out", folder, "--epochs", 1, *SMALL).status == 0
    other = tmp_path / "other.csv"
    other.write_text("text,label\nfine,pos\n,neg\nlonely\nbad film,neg\n")
    done = lstmkit("evaluate", folder, other, "--on-bad-row", "skip")
    assert done.status == 0, done.err
    assert "skipped 2 rows that cannot be used" in done.err
    (listed,) = (folder / "evaluations").glob("*.rejected.jsonl")
    assert [line.count('"line": ') for line in listed.read_text().splitlines()] == [1, 1]


@pytest.mark.skipif(sys.platform == "win32", reason="a closed pipe is another thing there")
@pytest.mark.parametrize("what", ["predict", "data info"])
def test_a_reader_that_goes_away_is_no_failure(lstmkit: Command, reviews: Path, tmp_path: Path, what: str) -> None:
    """Like `lstmkit predict … | head -1`: long output breaks off, short output is not yet flushed when it ends."""
    command = ["data", "info", str(reviews)]
    if what == "predict":
        assert lstmkit("train", reviews, "--out", tmp_path / "run", "--epochs", 1, *SMALL).status == 0
        (tmp_path / "texts.txt").write_text("a fine film\n" * 5000)
        command = ["predict", str(tmp_path / "run"), "--input", str(tmp_path / "texts.txt")]
    with subprocess.Popen(
        [sys.executable, "-m", "lstmkit", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        if what == "predict":
            assert process.stdout.readline().startswith('{"line": 1, ')
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 141
    assert said == ""


@pytest.mark.parametrize("words", [[], ["data"]], ids=["lstmkit", "data"])
def test_no_command_is_one_short_line(lstmkit: Command, words: list[str]) -> None:
    done = lstmkit(*words)
    assert done.status == 2
    assert done.err == f"error: Missing command; {' '.join(['lstmkit', *words])} --help lists what is allowed\n"
