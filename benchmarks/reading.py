"""How long the program takes to answer `--help`, and IMDB from its archive to token numbers and from the cache.

    python benchmarks/reading.py [--runs 5]

IMDB's archive is looked for as `lstmkit train imdb` does, in `$LSTMKIT_DATA`. Each run has a process and a cache of its
own; processor time of all threads together, so that a busy machine counts for little.
"""

import argparse
import os
import statistics
import subprocess
import sys
from tempfile import TemporaryDirectory

# The first preparation fills the cache of this run, the second takes from it.
_PREPARE = """
import time
from lstmkit.config.schema import Config, DataConfig
from lstmkit.experiment.prepare import prepare
for _ in range(2):
    started_s = time.process_time()
    prepare(Config(data=DataConfig(source="imdb")))
    print(time.process_time() - started_s)
"""


def child_seconds(*arguments: str) -> float:
    """Return the processor seconds of one child process, user and system."""
    before = os.times()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)  # noqa: S603
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def prepared_seconds() -> list[float]:
    """Return the processor seconds of IMDB's first preparation, and of the one from the cache."""
    with TemporaryDirectory() as cache:
        environment = {**os.environ, "LSTMKIT_CACHE": cache}
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", _PREPARE], capture_output=True, text=True, check=True, env=environment
        )
    return [float(line) for line in done.stdout.split()]


def row(name: str, seconds: list[float]) -> str:
    """Return one line of the table: median, least and most."""
    return f"{name:<44} {statistics.median(seconds):7.2f} s  ({min(seconds):.2f} to {max(seconds):.2f})"


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="of each subject")
    n_runs = parser.parse_args().runs
    bare = [child_seconds("-c", "pass") for _ in range(n_runs)]
    print(row("python -c pass", bare), flush=True)
    print(row("lstmkit --help", [child_seconds("-m", "lstmkit", "--help") for _ in range(n_runs)]), flush=True)
    first, again = zip(*(prepared_seconds() for _ in range(n_runs)), strict=True)
    print(row("IMDB: archive to token numbers", list(first)))
    print(row("IMDB: from the cache", list(again)))


if __name__ == "__main__":
    main()
