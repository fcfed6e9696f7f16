"""How much more memory a piece of work makes its process hold at its peak."""

import sys
from collections.abc import Callable
from pathlib import Path

_STATUS = Path("/proc/self/status")


def growth(work: Callable[[], object], n_runs: int = 3) -> float:
    """MiB by which the process's peak lies above what it held before `work` ran.

    The peak is that of this program alone: `ru_maxrss` would begin with that of the process that started it.
    """
    if _STATUS.exists():
        Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before_kib = _peak_kib()
    for _ in range(n_runs):
        work()
    return round((_peak_kib() - before_kib) / 1024, 1)


def _peak_kib() -> float:
    if _STATUS.exists():
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return float(line.split()[1])
    import resource  # not there on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024 if sys.platform == "darwin" else peak
