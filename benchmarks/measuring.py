"""What the benchmarks share: subjects timed side by side, the machine's own rate, and its description."""

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import torch

from lstmkit.experiment.machine import processor
from lstmkit.nn import choose_engine

_SHORTEST_RUN_S = 0.004  # a call that is over sooner is repeated within its run


@dataclass(frozen=True)
class Effort:
    """How much time a shape may take.

    Attributes:
        seconds: for each subject, roughly.
        most_runs: of each subject.
        longest_warmup_s: a first call that takes longer counts and stands alone: of seconds of work, little is warming
            up.
    """

    seconds: float
    most_runs: int
    longest_warmup_s: float


QUICK = Effort(seconds=0.35, most_runs=7, longest_warmup_s=1.0)
FULL = Effort(seconds=3.0, most_runs=21, longest_warmup_s=6.0)


@dataclass(frozen=True)
class Spread:
    """What the runs of a subject took, in milliseconds a call."""

    median_ms: float
    least_ms: float
    most_ms: float
    n_runs: int

    def fields(self, name: str) -> dict[str, float | int]:
        """The median as `<name>_ms`, with `_ms_min`, `_ms_max` and `_runs` beside it."""
        return {
            f"{name}_ms": round(self.median_ms, 4),
            f"{name}_ms_min": round(self.least_ms, 4),
            f"{name}_ms_max": round(self.most_ms, 4),
            f"{name}_runs": self.n_runs,
        }


def side_by_side(subjects: Mapping[str, Callable[[], object]], effort: Effort) -> dict[str, Spread]:
    """Time subjects in turn, run by run, so that a disturbed moment falls on all of them.

    Each is called first to warm up, and then three times at least.
    """
    gc.collect()
    times: dict[str, list[float]] = {name: [] for name in subjects}
    n_calls, n_runs = {}, {}
    for name, subject in subjects.items():
        estimate = _time_of(subject, 1)
        if estimate > effort.longest_warmup_s:
            times[name].append(estimate)
            n_calls[name], n_runs[name] = 1, 0
            continue
        n_more = 9 if estimate < effort.seconds / 10 else 2 if estimate < effort.seconds else 0
        estimate = min([estimate, *(_time_of(subject, 1) for _ in range(n_more))])
        n_calls[name] = max(1, round(_SHORTEST_RUN_S / estimate))
        n_runs[name] = max(3, min(effort.most_runs, int(effort.seconds / (estimate * n_calls[name]))))
    rounds = max(n_runs.values())
    for k in range(rounds):
        for name, subject in subjects.items():
            if (k + 1) * n_runs[name] // rounds > k * n_runs[name] // rounds:  # the slow ones spread over all rounds
                times[name].append(_time_of(subject, n_calls[name]))
    return {
        name: Spread(1e3 * statistics.median(found), 1e3 * min(found), 1e3 * max(found), len(found))
        for name, found in times.items()
    }


def large_product() -> Callable[[], object]:
    """The product that stands for the machine's rate: two matrices of 2048 x 2048."""
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    out = torch.empty(2048, 2048)
    return lambda: torch.mm(a, b, out=out)


LARGE_PRODUCT_FLOP = 2 * 2048**3


def machine(**more: Any) -> dict[str, Any]:
    """The header of a benchmark's file: all that its numbers depend on."""
    engine = choose_engine("auto")
    rate = LARGE_PRODUCT_FLOP / side_by_side({"mm": large_product()}, Effort(1.0, 9, 6.0))["mm"].median_ms / 1e6
    return {
        "kind": "header",
        "processor": processor(),
        "cores": os.cpu_count(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "platform": platform.platform(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in ("lstmkit", "torch")}},
        "engine": {"name": engine.name, "reason": engine.reason},
        "mm_gflops": round(rate, 1),
        "started_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        **more,
    }


def print_machine(header: Mapping[str, Any]) -> None:
    """The header in two lines."""
    print(f"{header['processor']}, {header['instructions']}, {header['threads']} threads of {header['cores']} cores")
    print(
        f"torch {header['versions']['torch']} · engine {header['engine']['name']}: {header['engine']['reason']}"
        f" · torch.mm {header['mm_gflops']:.0f} GF/s",
        flush=True,
    )


def _time_of(subject: Callable[[], object], n_calls: int) -> float:
    started_s = time.perf_counter()
    for _ in range(n_calls):
        subject()
    return (time.perf_counter() - started_s) / n_calls
