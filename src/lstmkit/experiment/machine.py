"""The machine's side of a run: device, threads, and the record of what the numbers depend on."""

import os
import platform
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from lstmkit.config.schema import RunConfig
from lstmkit.core.errors import RequestError
from lstmkit.nn import EngineChoice
from lstmkit.nn.library import native_library

_PACKAGES = ("lstmkit", "torch", "numpy", "scipy", "scikit-learn", "tokenizers", "safetensors")


def settle(config: RunConfig) -> torch.device:
    """Set the number of threads and find the device.

    Raises:
        RequestError: cuda was asked for and there is none.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    if config.device == "cuda" and not torch.cuda.is_available():
        raise RequestError("device cuda is not available to torch here; use --device cpu or auto")
    name = "cuda" if config.device == "cuda" or (config.device == "auto" and torch.cuda.is_available()) else "cpu"
    if name == "cuda":
        # Sums on a GPU have no fixed order otherwise, and the same seed would give other bits.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    return torch.device(name)


def processor() -> str:
    """The processor's name as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    return platform.processor() or platform.machine()


def conditions(engines: Mapping[str, EngineChoice], device: torch.device, n_threads: int) -> dict[str, Any]:
    """What decides a run's bits besides its configuration and data.

    Args:
        engines: by cell.
        device: of the networks.
        n_threads: of each network.
    """
    library = native_library().library
    return {
        **{f"engine_of_{cell}": engine.name for cell, engine in engines.items()},
        "native_instructions": library.lstmkit_isa().decode() if library else "none",
        "torch_instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": n_threads,
        "device": _name_of(device),
        **{name: version(name) for name in ("lstmkit", "torch", "numpy")},
    }


def _name_of(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def environment(
    device: torch.device, engine: EngineChoice, seed: int, files: dict[str, str], started: datetime
) -> dict[str, Any]:
    """What the numbers of a run depend on besides its configuration: the content of `environment.json`."""
    return {
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
        "platform": platform.platform(),
        "processor": processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "device": _name_of(device),
        "engine": {"name": engine.name, "reason": engine.reason},
        "seed": seed,
        "data": files,
        "command": sys.argv,
        "started_utc": started.isoformat(timespec="seconds"),
        "wall_seconds": round((datetime.now(UTC) - started).total_seconds(), 1),
        "note": "the same seed gives the same bits on one machine with these versions and this number of threads",
    }
