"""What is installed, and a self-check of the engine against the formulas."""

import os
import platform
from importlib import metadata
from pathlib import Path

import torch

from lstmkit.core.cache import cache_folder
from lstmkit.experiment.machine import processor
from lstmkit.nn import Recurrence, choose_engine
from lstmkit.ragged import Layout

_PACKAGES = ("torch", "numpy", "scikit-learn", "tokenizers", "safetensors", "matplotlib", "pyarrow")
_TOLERANCE = 1e-5  # float32, relative in norm


def examine(threads: int) -> tuple[list[tuple[str, str]], bool]:
    """Name and value of each finding, and whether the self-check passed."""
    if threads:
        torch.set_num_threads(threads)
    engine = choose_engine("auto")
    lines = [
        ("lstmkit", metadata.version("lstmkit")),
        ("python", f"{platform.python_version()} on {platform.platform()}"),
        ("processor", f"{processor()} ({torch.backends.cpu.get_cpu_capability()}), {os.cpu_count()} cores"),
        ("threads", str(torch.get_num_threads())),
        ("gpu", torch.cuda.get_device_name() if torch.cuda.is_available() else "none that torch can use"),
        *((name, _version(name)) for name in _PACKAGES),
        ("engine", f"{engine.name} ({engine.reason})"),
        ("data", os.environ.get("LSTMKIT_DATA") or "LSTMKIT_DATA is not set"),
        ("cache", _writable(cache_folder())),
    ]
    sound = True
    for cell in ("lstm", "gru", "rnn"):
        name, error = _deviation(cell)
        sound = sound and error < _TOLERANCE
        verdict = "ok" if error < _TOLERANCE else "FAILED"
        lines.append((f"check {cell}", f"{verdict}: {name} against the formulas, relative error {error:.1e}"))
    return lines, sound


def _deviation(cell: str) -> tuple[str, float]:
    """The engine that runs a cell, and how far its states on a ragged batch are from the reference's, relative."""
    generator = torch.Generator().manual_seed(0)
    layout = Layout(torch.tensor([9, 7, 7, 2, 1]))
    rows = torch.randn(int(layout.lengths.sum()), 5, generator=generator)
    subject = Recurrence(cell, 5, 6, num_layers=2, bidirectional=True)  # type: ignore[arg-type]
    oracle = Recurrence(cell, 5, 6, num_layers=2, bidirectional=True, engine="reference").double()  # type: ignore[arg-type]
    oracle.load_state_dict(subject.state_dict())
    with torch.no_grad():
        wanted = oracle(rows.double(), layout)
        return subject.engine.name, float((subject(rows, layout).double() - wanted).norm() / wanted.norm())


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _writable(folder: Path | None) -> str:
    if folder is None:
        return "none: there is no home folder; LSTMKIT_CACHE may name a place"
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    return str(folder) if os.access(existing, os.W_OK) else f"{folder} (cannot be written; runs go on without it)"
