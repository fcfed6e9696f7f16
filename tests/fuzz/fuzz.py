"""A fuzzer of all readers: mutated files, each answered with exit status 0 or 2 within 10 s and 2 GB.

    python tests/fuzz/fuzz.py --seconds 600                 a seed from the clock, which is printed
    python tests/fuzz/fuzz.py --seed 7 --inputs 5000        the same inputs each time
    python tests/fuzz/fuzz.py --again kept/01-csv-of-texts  one that was kept

What fails is kept under --keep: the input's files, cut down while it still fails in the same way, and `finding.json`,
which tells the seed, the number, what was done and the traceback.
"""

import argparse
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
NOTE, FAILED = "input.json", "failed"  # as the worker has it; not imported, since that loads all of lstmkit
_CHUNK = 50  # inputs asked for at once
_A_WORKER = 1000  # inputs, after which it is replaced: what libraries keep must not count as an input's
_MOST_CUTS = 60  # tries to make a failing input smaller


@dataclass
class Finding:
    """A sort of failure.

    Attributes:
        key: what is the same for all of the sort.
        fault: of the first.
        told: all that the worker told of the first.
        n: how many there were.
        kept: where the first lies.
    """

    key: str
    fault: str
    told: dict[str, Any]
    n: int = 1
    kept: Path | None = None


@dataclass
class Result:
    """What a run gave: inputs by exit status, and findings by key."""

    n: int = 0
    statuses: dict[int, int] = field(default_factory=dict)
    findings: dict[str, Finding] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """The run in lines for a terminal."""
        counts = ", ".join(f"{n:,} with exit status {status}" for status, n in sorted(self.statuses.items()))
        yield f"{self.n:,} inputs: {counts}; {len(self.findings)} sorts of failure"
        for found in self.findings.values():
            told = found.told
            yield f"* {told['name']} read by {told['read']} ({found.n}x, first number {told['number']}): {found.fault}"
            if told.get("where"):
                yield f"    at {told['where']}"
            if found.kept:
                yield f"    {found.kept}; again: python tests/fuzz/fuzz.py --again {found.kept}"


class Process:
    """A worker process and its folder."""

    def __init__(self, seed: int) -> None:
        place = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  (made by mkdtemp; files are never flushed to a disk)
        self.folder = Path(tempfile.mkdtemp(prefix="lstmkit-fuzz-", dir=place))
        self._errors = (self.folder / "stderr").open("w+b")
        words = [sys.executable, str(HERE / "fuzz_worker.py"), str(self.folder), str(seed)]
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True
        )
        self.n = 0
        if self._line() is None:
            status, told = self._process.wait(), self.last_words()
            self.close()
            raise RuntimeError(f"the worker ended with {status} before it was ready:\n{told}")

    def ask(self, words: str) -> None:
        """Ask for inputs: `FIRST END`, or `replay`."""
        assert self._process.stdin
        self._process.stdin.write(words + "\n")
        self._process.stdin.flush()

    def _line(self) -> dict[str, Any] | None:
        assert self._process.stdout
        line = self._process.stdout.readline()
        return json.loads(line) if line.endswith("\n") else None

    def answer(self) -> dict[str, Any]:
        """What is told of the next input; of one that ended the worker, what the system tells."""
        if told := self._line():
            self.n += 1
            return told
        status = self._process.wait()
        if status >= 0:  # it ends by a signal where an input ends it; this is a fault of the fuzzer's own
            raise RuntimeError(f"the worker ended:\n{self.last_words()}")
        note = json.loads((self.folder / NOTE).read_text("utf-8"))
        reasons = {signal.SIGPROF: "over 10 s of the processor's time", signal.SIGALRM: "over 100 s, waiting"}
        fault = reasons.get(-status) or f"the process ended with {status}: {self.last_words()[-300:]}"
        return {**note, "status": status, "fault": fault, "where": "", "trace": self.last_words(), "dead": True}

    def last_words(self) -> str:
        """What the worker wrote to stderr."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")[-4000:]

    def close(self) -> None:
        """End the worker and remove its folder."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream
            stream.close()
        self._errors.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def key_of(told: dict[str, Any]) -> str:
    """What is the same for failures of one sort: the place in lstmkit, and the words without what differs."""
    words = re.sub(r"'[^']*'|\"[^\"]*\"|[\d,.]+|/\S+", "_", told["fault"])[:80]
    return f"{told['where']} {words}" if told["where"] else f"{told['read']} {words}"


def fuzz(
    seed: int, first: int = 0, inputs: int | None = None, seconds: float | None = None, keep: Path | None = None
) -> Result:
    """Read inputs of a seed, one process at a time.

    Args:
        seed: decides all inputs.
        first: the number of the first.
        inputs: how many; None: as many as the time allows.
        seconds: when to stop; None: when all are read.
        keep: where failing inputs are kept; None: nowhere.
    """
    result, process = Result(), Process(seed)
    until = None if seconds is None else time.monotonic() + seconds
    number, end = first, None if inputs is None else first + inputs
    try:
        while (end is None or number < end) and (until is None or time.monotonic() < until):
            if process.n >= _A_WORKER:
                if keep:
                    print(f"{result.n:,} inputs so far", flush=True)
                process.close()
                process = Process(seed)
            last = number + _CHUNK if end is None else min(number + _CHUNK, end)
            process.ask(f"{number} {last}")
            while number < last:
                told = process.answer()
                number = told["number"] + 1
                result.n += 1
                result.statuses[told["status"]] = result.statuses.get(told["status"], 0) + 1
                if told["fault"]:
                    _found(result, process, told, seed, keep)
                if told.get("dead"):
                    process.close()
                    process = Process(seed)
                    break
    finally:
        process.close()
    return result


def _found(result: Result, process: Process, told: dict[str, Any], seed: int, keep: Path | None) -> None:
    """Note a failure; the first of its sort is kept."""
    key = key_of(told)
    if key in result.findings:
        result.findings[key].n += 1
        return
    result.findings[key] = found = Finding(key, told["fault"], told)
    if keep is None:
        return
    print(f"found: {told['name']} read by {told['read']}, number {told['number']}: {told['fault']}", flush=True)
    name = re.sub(r"\W+", "-", told["name"])
    found.kept = keep / f"{seed}-{told['number']}-{name}"
    shutil.rmtree(found.kept, ignore_errors=True)
    if told.get("dead"):  # it lies where it was read
        shutil.copytree(process.folder / "input", found.kept / "files")
        shutil.copy(process.folder / NOTE, found.kept / NOTE)
    else:
        shutil.copytree(process.folder / FAILED / str(told["number"]), found.kept)
    (found.kept / "finding.json").write_text(json.dumps({**told, "seed": seed}, indent=2), "utf-8")
    (found.kept / "output.txt").write_text(told["trace"], "utf-8")


def again(kept: Path, process: Process) -> dict[str, Any]:
    """Read an input that was kept, once more."""
    shutil.rmtree(process.folder / "again", ignore_errors=True)
    shutil.copytree(kept / "files", process.folder / "again")
    shutil.copy(kept / NOTE, process.folder / "again.json")
    process.ask("replay")
    return process.answer()


def cut_down(kept: Path) -> None:
    """Make a kept input smaller while it fails in the same way; piece by piece, each piece half of the one before."""
    process = Process(0)
    key = key_of(json.loads((kept / "finding.json").read_text("utf-8")))
    tries = 0
    try:
        for path in sorted((p for p in (kept / "files").rglob("*") if p.is_file()), key=lambda p: -p.stat().st_size):
            size = path.stat().st_size // 2
            while size >= 1 and tries < _MOST_CUTS:
                content, at = path.read_bytes(), 0
                while at < len(content) and tries < _MOST_CUTS:
                    path.write_bytes(content[:at] + content[at + size :])
                    tries += 1
                    told = again(kept, process)
                    if told.get("dead"):
                        process.close()
                        process = Process(0)
                    if told["fault"] and key_of(told) == key:
                        content = path.read_bytes()
                    else:
                        path.write_bytes(content)
                        at += size
                size //= 2
    finally:
        process.close()


def main() -> int:
    """The command line; exit status 1 where anything was found."""
    parser = argparse.ArgumentParser(description="Fuzz all readers of lstmkit.")
    parser.add_argument("--seconds", type=float, help="stop after so long  [default: 600, unless --inputs is given]")
    parser.add_argument("--inputs", type=int, help="stop after so many")
    parser.add_argument("--seed", type=int, help="decides all inputs  [default: from the clock]")
    parser.add_argument("--first", type=int, default=0, help="the number of the first input")
    parser.add_argument("--jobs", type=int, default=1, help="processes, each with a seed of its own")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-found"), help="folder for what fails")
    parser.add_argument("--cut", action="store_true", help="make kept inputs smaller while they fail in the same way")
    parser.add_argument("--again", type=Path, help="read one kept input again")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that the worker and its folder go too
    if asked.again:
        process = Process(0)
        try:
            told = again(asked.again, process)
        finally:
            process.close()
        print(told["trace"] or f"exit status {told['status']}: as it should be")
        return int(bool(told["fault"]))
    seed = int(time.time()) if asked.seed is None else asked.seed
    seconds = asked.seconds if asked.seconds or asked.inputs else 600.0
    if asked.jobs > 1:
        return _several(asked, seed, seconds)
    print(f"seed {seed}", flush=True)
    result = fuzz(seed, asked.first, asked.inputs, seconds, asked.keep)
    if asked.cut:
        for found in result.findings.values():
            if found.kept:
                cut_down(found.kept)
    print("\n".join(result.lines()))
    return int(bool(result.findings))


def _several(asked: argparse.Namespace, seed: int, seconds: float | None) -> int:
    words = [sys.executable, __file__, "--first", str(asked.first), "--keep", str(asked.keep)]
    words += ["--inputs", str(asked.inputs)] if asked.inputs else []
    words += ["--seconds", str(seconds)] if seconds else []
    words += ["--cut"] if asked.cut else []
    jobs = [subprocess.Popen([*words, "--seed", str(seed + k)]) for k in range(asked.jobs)]
    return max(job.wait() for job in jobs)


if __name__ == "__main__":
    sys.exit(main())
