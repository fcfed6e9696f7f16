"""One file with all that a resumed run needs: weights, best weights, optimizer, random state, progress. No pickle."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from lstmkit.core.errors import ArtifactError
from lstmkit.core.files import parse_json, write_bytes

_FORMAT = 1
_DAMAGE = (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError)

Weights = dict[str, Tensor]


@dataclass
class Kept:
    """Weights beside the network's own.

    Attributes:
        best: those of the best epoch; empty before the first validation.
        mean: their running mean; empty where none is kept.
    """

    best: Weights = field(default_factory=dict)
    mean: Weights = field(default_factory=dict)


def weights_of(network: nn.Module) -> Weights:
    """A copy of a network's weights."""
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


@dataclass
class Progress:
    """Where a run stands.

    Attributes:
        epoch: the epoch under way, counted from 1; one more than the last when all are done.
        step: the next step within it, counted from 0.
        loss_sum, n_correct, n_seen, n_tokens, seconds: of the epoch so far.
        history: one record for each finished epoch.
        best_epoch: 0 before the first validation.
        stopped: whether early stopping ended the run.
    """

    epoch: int = 1
    step: int = 0
    loss_sum: float = 0.0
    n_correct: int = 0
    n_seen: int = 0
    n_tokens: int = 0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0
    stopped: bool = False

    def begin_epoch(self, epoch: int) -> None:
        """Set the epoch's sums to zero."""
        self.epoch, self.step = epoch, 0
        self.loss_sum, self.n_correct, self.n_seen, self.n_tokens, self.seconds = 0.0, 0, 0, 0, 0.0


def save_checkpoint(
    path: Path, network: nn.Module, optimizer: torch.optim.Optimizer, kept: Kept, progress: Progress
) -> None:
    """Write the checkpoint, whole or not at all; the one before stays until then."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in kept.best.items()}
    tensors |= {f"mean.{name}": tensor for name, tensor in kept.mean.items()}
    for name, parameter in network.named_parameters():
        for key, value in optimizer.state[parameter].items():
            tensors[f"optimizer.{name}.{key}"] = value
    tensors["random.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    flat = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    about = {"format": str(_FORMAT), "progress": json.dumps(asdict(progress))}
    write_bytes(path, safetensors.torch.save(flat, about))


def read_progress(path: Path) -> Progress:
    """Where the run of a checkpoint stands; its tensors are not read.

    Raises:
        ArtifactError: the file is damaged, or is of a newer format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return _progress_in(path, file.metadata() or {})
    except _DAMAGE as error:
        raise _not_resumable(path, error) from error


def load_checkpoint(path: Path, network: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[Progress, Kept]:
    """Put network, optimizer and random generators back where the checkpoint found them.

    Returns:
        The progress, and the weights kept beside the network's own.

    Raises:
        ArtifactError: the file is damaged, or is of another network.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
        progress = _progress_in(path, about)
        network.load_state_dict(_under("network.", tensors))
        for name, parameter in network.named_parameters():
            if state := _under(f"optimizer.{name}.", tensors):
                # Adam keeps its step count on the CPU, and its moments beside the parameter.
                optimizer.state[parameter] = {k: v if k == "step" else v.to(parameter.device) for k, v in state.items()}
        torch.set_rng_state(tensors["random.cpu"])
        if "random.cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["random.cuda"])
    except _DAMAGE as error:
        raise _not_resumable(path, error) from error
    device = next(network.parameters()).device
    mean = {name: tensor.to(device) for name, tensor in _under("mean.", tensors).items()}
    return progress, Kept(_under("best.", tensors), mean)


def _progress_in(path: Path, about: dict[str, str]) -> Progress:
    if int(about["format"]) > _FORMAT:
        raise ArtifactError(f"{path}: written by a newer lstmkit; upgrade lstmkit to resume from it")
    return Progress(**parse_json(about["progress"]))


def _not_resumable(path: Path, error: Exception) -> ArtifactError:
    reason = str(error).splitlines()[0]
    return ArtifactError(f"{path}: cannot be resumed from ({reason}); train again into a new folder")


def _under(prefix: str, tensors: Weights) -> Weights:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
