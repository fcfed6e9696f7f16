"""How an input is read: command lines, run in this process as the program runs them, and readers without a command."""

import io
import random
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import fuzz_seeds  # also makes the toys of other tests importable

from lstmkit.cli.main import run
from lstmkit.core.errors import LstmkitError

_WARNING = re.compile(r"\S+:\d+: \w*Warning: ")
LONGEST_LINE = 600  # characters of an error
_DIALECTS = [
    *(["--no-header"], ["--delimiter", ";"], ["--delimiter", "tab"], ["--encoding", "latin-1"]),
    *(["--encoding", "utf-16"], ["--no-header", "--label-column", "1"]),
    *(["--decimal", ","], ["--thousands", ","], ["--thousands", ".", "--decimal", ","], ["--date-format", "%d/%m/%Y"]),
    *(["--label-column", "label"], ["--label-column", "1"], ["--label-column", "y"], ["--label-column", "*"]),
    *(["--text-column", "text"], ["--text-column", "2"], ["--series-column", "series"], ["--time-column", "time"]),
    *(["--time-column", "1"], ["--series-column", "unique_id"], ["--preset", "lab"]),
]  # fmt: skip


class Answer(NamedTuple):
    """What reading an input gave."""

    status: int
    out: str
    err: str

    @property
    def fault(self) -> str:
        """What is wrong with the answer; empty where it is as it has to be."""
        lines = self.err.splitlines()
        errors = [line for line in lines if line.startswith("error: ")]
        if self.status not in (0, 2):
            return errors[-1] if errors else f"exit status {self.status}: {' '.join(lines[-1:])}"
        if self.status == 2 and len(errors) != 1:
            return f"exit status 2 with {len(errors)} lines of error"
        if self.status == 2 and len(errors[0]) > LONGEST_LINE:
            return f"an error of {len(errors[0]):,} characters"
        return next((line for line in lines if _WARNING.match(line)), "")


@contextmanager
def captured() -> Iterator[tuple[io.TextIOWrapper, io.TextIOWrapper]]:
    """Stdout and stderr as UTF-8 pipes have them, into memory."""
    before = sys.stdout, sys.stderr
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    err = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="backslashreplace", write_through=True)
    sys.stdout, sys.stderr = out, err
    try:
        yield out, err
    finally:
        sys.stdout, sys.stderr = before


def answer_of(act: Callable[[], int]) -> Answer:
    """Run something that prints and gives an exit status."""
    with captured() as (out, err):
        status = act()
    out_bytes, err_bytes = out.buffer.getvalue(), err.buffer.getvalue()  # type: ignore[attr-defined]
    return Answer(status, out_bytes.decode(), err_bytes.decode())


def command(*words: str) -> Callable[[], int]:
    """A command line; `--debug` shows where a fault is."""
    return lambda: run([*words, "--debug"])


def reading(read: Callable[[], Any]) -> Callable[[], int]:
    """A reader without a command, its errors told as the program tells them."""

    def act() -> int:
        import traceback

        try:
            read()
        except LstmkitError as error:
            traceback.print_exc()
            print(f"error: {error}", file=sys.stderr)
            return error.exit_status
        except Exception as error:  # noqa: BLE001  (whatever it is, it is told)
            traceback.print_exc()
            print(f"error: {type(error).__name__}: {error}; this is a fault", file=sys.stderr)
            return 1
        return 0

    return act


class Bench:
    """Small untrained models in run folders, and what is done with an input.

    Args:
        folder: where the models are written.
    """

    def __init__(self, folder: Path) -> None:
        import forecast_stream_toys
        import series_stream_toys
        import sound_stream_toys
        import streaming_toys

        from lstmkit.artifact import save_artifact

        self._runs = {name: folder / name for name in ("text", "series", "sound", "forecast")}
        toys = {
            "text": streaming_toys.toy(),
            "series": series_stream_toys.toy(n_channels=2),
            "sound": sound_stream_toys.toy(),
        }
        for name, toy in toys.items():
            save_artifact(folder / name / "model", toy.network, toy.architecture, toy.encoder, toy.labels)
        toy = forecast_stream_toys.toy()
        task = {"kind": "forecast", "reading": {"series": "", "time": "ds"}}
        save_artifact(folder / "forecast" / "model", toy.network, toy.architecture, toy.encoder, [], task)
        self._stream = streaming_toys.predictor().stream()
        self.reads: dict[str, Callable[[Path, str, random.Random], Callable[[], int]]] = {
            "info": self._info,
            "forecast": lambda *a: self._info(*a, "--task", "forecast"),
            "config": lambda d, s, _: command("data", "info", str(d / "a.csv"), "--config", str(d / s)),
            "set": self._set,
            "report": lambda d, _s, _r: reading(lambda: self._report(d)),
            "state": lambda d, s, _: reading(lambda: setattr(self._stream, "state", (d / s).read_bytes())),
            "checkpoint": lambda d, s, _: reading(lambda: self._checkpoint(d / s)),
            **{f"predict_{name}": self._predict(name) for name in self._runs},
            "predict_sound_list": self._predict("sound"),
            "stream_text": self._predict_stream("text", "jsonl"),
            "stream_text_lines": self._predict_stream("text", "lines"),
            "stream_series": self._predict_stream("series3", "jsonl"),
            "stream_series_lines": self._predict_stream("series3", "lines"),
            "stream_sound": self._predict_stream("sound", "lines"),
            "stream_forecast": self._predict_stream("forecast", "lines"),
        }
        toy = series_stream_toys.toy(n_channels=3)
        self._runs["series3"] = folder / "series3"
        save_artifact(folder / "series3" / "model", toy.network, toy.architecture, toy.encoder, toy.labels)

    def act(self, read: str, folder: Path, source: str, rng: random.Random) -> Callable[[], int]:
        """What reads a source; its options are drawn."""
        return self.reads[read](folder, source, rng)

    @staticmethod
    def _info(folder: Path, source: str, rng: random.Random, *more: str) -> Callable[[], int]:
        options = rng.choice([[], [], ["--on-bad-row", "skip"], ["--on-bad-row", "fail"]])
        if rng.random() < 0.3:
            options = [*options, *rng.choice(_DIALECTS)]
        return command("data", "info", str(folder / source), *more, *options)

    @staticmethod
    def _set(folder: Path, source: str, rng: random.Random) -> Callable[[], int]:
        lines = (folder / source).read_bytes().decode(errors="surrogateescape").splitlines()
        words = [word for line in lines[: rng.randint(1, 8)] for word in ("--set", line)]
        return command("data", "info", str(folder / "a.csv"), *words)

    def _predict(self, name: str) -> Callable[[Path, str, random.Random], Callable[[], int]]:
        def act(folder: Path, source: str, rng: random.Random) -> Callable[[], int]:
            options = rng.choice([[], ["--on-bad-row", "skip"]])
            ending = rng.choice(["", "", "jsonl", "csv", "parquet"])
            if ending:
                options = [*options, "--output", str(folder / f"output.{ending}")]
            return command("predict", str(self._runs[name]), "--input", str(folder / source), *options)

        return act

    def _predict_stream(self, name: str, form: str) -> Callable[[Path, str, random.Random], Callable[[], int]]:
        def act(folder: Path, source: str, rng: random.Random) -> Callable[[], int]:
            options = rng.choice([[], ["--on-bad-row", "skip"]])
            words = ("predict", str(self._runs[name]), "--stream", "--input", str(folder / source))
            return command(*words, "--input-format", form, *options)

        return act

    @staticmethod
    def _report(folder: Path) -> None:
        """Read the records as `lstmkit report` does; nothing is drawn, since that takes seconds."""
        from lstmkit.report.analysis_records import read_analysis
        from lstmkit.report.compare_records import read_compared
        from lstmkit.report.probe_records import read_probe
        from lstmkit.report.records import read_lab, read_run

        known = {"compare.json": read_compared, "lab.json": read_lab, "evaluation.json": read_run,
                 "probe.json": read_probe, "analysis.json": read_analysis}  # fmt: skip
        for name, read in known.items():
            if (folder / name).exists():
                found = read(folder)
                date, line = getattr(found, "date", ""), getattr(found, "command_line", "")
                f"{date} {line}".encode()
                return

    @staticmethod
    def _checkpoint(path: Path) -> None:
        import torch

        from lstmkit.train.checkpoint import load_checkpoint, read_progress

        network = torch.nn.Linear(2, 2)
        read_progress(path)
        load_checkpoint(path, network, torch.optim.Adam(network.parameters()))


SEEDS = fuzz_seeds.all_seeds
