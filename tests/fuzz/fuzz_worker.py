"""A worker: makes inputs by number and reads each in this process, within bounds of memory and time.

Input n of seed s is always the same. It lies on disk, with a note of what is done to it, before it is read; where the
process is ended by it (a crash, a hang, the bound on time), the parent finds it there. An answer is a line of JSON.
"""

import json
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import Any, TextIO

import fuzz_reads
from fuzz_mutators import mutated
from fuzz_seeds import Seed

MOST_SECONDS = 10  # of the processor's time, for an input; of the clock's ten times as much, for other work may go on
MOST_BYTES = 2 << 30  # beyond what the process has once all is loaded
NOTE, FAILED = "input.json", "failed"
_FRAME = re.compile(r'File ".*/(lstmkit/[^"]+)", line \d+, in (\S+)')


def sources_of(seed: Seed, number: str, contents: list[bytes]) -> tuple[dict[str, bytes], random.Random]:
    """The files of an input, one or more of them mutated, and the chance that goes on."""
    rng = random.Random(number)
    files = dict(seed.files)
    if seed.drawn:
        files[seed.source] = seed.drawn(rng)
        if rng.random() < 0.7:
            return files, rng
    free = [name for name in files if name not in seed.fixed]
    for name in rng.sample(free, min(len(free), rng.choice([1, 1, 2]))):
        files[name] = mutated(files[name], rng, contents)
    return files, rng


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Write an input; what was in the folder goes."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


class Worker:
    """Reads inputs and tells of each.

    Args:
        seed: the number of the run.
        folder: where the current input lies.
        told: where answers are written.
    """

    def __init__(self, seed: int, folder: Path, told: TextIO) -> None:
        self._seed, self._folder, self._told = seed, folder, told
        self._home = Path(tempfile.mkdtemp(dir=folder.parent, prefix="models-"))
        os.environ["LSTMKIT_CACHE"] = str(self._home / "cache")
        self._bench = fuzz_reads.Bench(self._home)
        self._seeds = fuzz_reads.SEEDS()
        self._contents = sorted({content for seed in self._seeds for content in seed.files.values() if content})
        self._warm_up()
        self._bound()

    def _warm_up(self) -> None:
        """Read every sound source: what is loaded by it is start-up, and that all are sound is shown."""
        for seed in self._seeds:
            for read in sorted(set(seed.reads)):
                write(self._folder, dict(seed.files))
                answer = fuzz_reads.answer_of(self._bench.act(read, self._folder, seed.source, random.Random(1)))
                if answer.fault:
                    raise AssertionError(f"{seed.name}, {read}: {answer.fault}\n{answer.err}")

    @staticmethod
    def _bound() -> None:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        most = pages * resource.getpagesize() + MOST_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def run(self, first: int, end: int) -> None:
        """Make and read inputs `first` to `end`."""
        for number in range(first, end):
            seed = self._seeds[random.Random(f"{self._seed}/{number}").randrange(len(self._seeds))]
            files, rng = sources_of(seed, f"{self._seed}:{number}", self._contents)
            read = rng.choice(seed.reads)
            self.read(files, {"seed": self._seed, "number": number, "name": seed.name, "read": read}, seed.source, rng)
            shutil.rmtree(self._home / "cache", ignore_errors=True)

    def read(self, files: dict[str, bytes], note: dict[str, Any], source: str, rng: random.Random) -> None:
        """Read one input, and tell."""
        write(self._folder, files)
        options = rng.getstate()
        note = {**note, "source": source, "options": [options[0], list(options[1]), options[2]]}
        (self._folder.parent / NOTE).write_text(json.dumps(note), "utf-8")
        started = time.monotonic()
        signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
        signal.setitimer(signal.ITIMER_REAL, 10 * MOST_SECONDS)
        try:
            answer = fuzz_reads.answer_of(self._bench.act(note["read"], self._folder, source, rng))
            fault, text = answer.fault, answer.err
        except BaseException as error:  # noqa: BLE001  (what even the program's last resort lets through)
            fault, text = f"{type(error).__name__}: {error}", traceback.format_exc()
            answer = fuzz_reads.Answer(1, "", text)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if fault:  # kept for the parent: this process goes on with the next input
            place = self._folder.parent / FAILED
            shutil.rmtree(place / str(note["number"]), ignore_errors=True)
            shutil.copytree(self._folder, place / str(note["number"]) / "files")
            shutil.copy(self._folder.parent / NOTE, place / str(note["number"]))
        frames = _FRAME.findall(text)
        told = {
            "number": note["number"],
            "name": note["name"],
            "read": note["read"],
            "status": answer.status,
            "fault": " ".join(fault.split())[:400],
            "where": " ".join(frames[-1]) if frames else "",
            "trace": text[-4000:] if fault else "",
            "seconds": time.monotonic() - started,
        }
        self._told.write(json.dumps(told) + "\n")
        self._told.flush()


def main() -> None:
    """`fuzz_worker.py FOLDER SEED`: ranges of numbers come by stdin, a line each; or `replay`."""
    folder, seed = Path(sys.argv[1]), int(sys.argv[2])
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print of their own
    warnings.simplefilter("error", RuntimeWarning)  # numpy's of a calculation gone wrong: a user would see it
    worker = Worker(seed, folder / "input", told)
    told.write('{"ready": true}\n')
    told.flush()
    for line in sys.stdin:
        if line.strip() == "replay":
            note = json.loads((folder / "again.json").read_text("utf-8"))
            files = {p.relative_to(folder / "again").as_posix(): p.read_bytes()
                     for p in sorted((folder / "again").rglob("*")) if p.is_file()}  # fmt: skip
            rng = random.Random()
            version, state, gauss = note.pop("options")
            rng.setstate((version, tuple(state), gauss))
            worker.read(files, note, note.pop("source"), rng)
        else:
            worker.run(*map(int, line.split()))


if __name__ == "__main__":
    main()
