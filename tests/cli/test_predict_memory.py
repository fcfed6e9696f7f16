"""`predict` reads a pipe of any length in the same memory."""

import subprocess
import sys
from pathlib import Path

from small_runs import SMALL, Command

# Texts and answers of the longer pipe would take some 40 MiB; allocators and thread pools waver by a few.
MARGIN_MIB = 16
SCRIPT = """
import pathlib, re, resource, sys
from lstmkit.cli.main import run
status = run(sys.argv[1:])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if sys.platform == "linux":  # where a new process takes over the peak of the one that began it
    peak = re.search("VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1]
sys.stderr.write(f"peak {peak}\\n")
sys.exit(status)
"""


def peak_mib(model: Path, n: int) -> float:
    """Peak resident memory of a process that predicts a pipe of `n` lines."""
    command = [sys.executable, "-c", SCRIPT, "predict", str(model), "--input", "-", "--threads", "1"]
    text = "".join(f"{k:0400d} a fine film\n" for k in range(n))  # lines that differ, of few tokens that are known
    done = subprocess.run(
        command, input=text, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    kib = int(done.stderr.rpartition("peak ")[2])
    return kib / 1024 / (1024 if sys.platform == "darwin" else 1)  # macOS counts bytes


def test_memory_does_not_grow_with_the_length_of_a_pipe(lstmkit: Command, reviews: Path, tmp_path: Path) -> None:
    model = tmp_path / "run"
    assert lstmkit("train", reviews, "--out", model, "--epochs", 1, *SMALL).status == 0
    short, long = peak_mib(model, 2_000), peak_mib(model, 60_000)
    assert long - short < MARGIN_MIB, f"{short:.0f} MiB for 2,000 lines, {long:.0f} MiB for 60,000"
