"""Which implementation runs the recurrence, and why."""

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

from lstmkit.core.errors import RequestError
from lstmkit.nn import native, reference, torch_engine
from lstmkit.nn.layers import LayerRun
from lstmkit.nn.library import Found, native_library

Cell = Literal["lstm", "gru", "rnn"]
ENGINES = ("auto", "native", "torch", "reference")
_MANY_UNITS = 384
_DISPATCH = "__torch_dispatch__"  # by which some tensors, such as fake ones, do all work themselves
_MANY_SEQUENCES = 32
_LAYERS: dict[str, LayerRun] = {"native": native.layer, "torch": torch_engine.layer, "reference": reference.layer}


@dataclass(frozen=True)
class EngineChoice:
    """An engine with the reason that it was taken.

    Attributes:
        name: native, torch or reference.
        reason: one line for people.
    """

    name: str
    reason: str

    @property
    def layer(self) -> LayerRun:
        """One layer of an LSTM by this engine."""
        return _LAYERS[self.name]


def choose_engine(asked: str, cell: Cell = "lstm", device: str = "cpu") -> EngineChoice:
    """Find the engine for a request; one asked for by name is never replaced by another.

    Args:
        asked: auto, native, torch or reference. For auto, `LSTMKIT_ENGINE` may name one for the whole program.
        cell: the native engine runs LSTMs alone.
        device: type of the device that the network is on; the native engine runs on the CPU alone.

    Raises:
        RequestError: `asked` is no engine, or it cannot do what is asked here.
    """
    by = "asked for"
    if asked == "auto" and (everywhere := asked_everywhere()) != "auto":
        asked, by = everywhere, "asked for by LSTMKIT_ENGINE"
    return _choose(asked, by, cell, device, native_library())


def asked_everywhere() -> str:
    """What `LSTMKIT_ENGINE` asks for."""
    return os.environ.get("LSTMKIT_ENGINE", "auto")


@lru_cache(maxsize=256)
def _choose(asked: str, by: str, cell: Cell, device: str, found: Found) -> EngineChoice:
    if asked not in ENGINES:
        raise RequestError(f"engine {asked!r} is not one; there are {', '.join(ENGINES)}")
    if asked in ("torch", "reference"):
        return EngineChoice(asked, by)
    obstacle = None
    if device != "cpu":
        obstacle = f"the native engine runs on the CPU alone, not on {device}"
    elif cell != "lstm":
        obstacle = f"the native engine runs LSTMs alone, no {cell}"
    elif found.library is None:
        obstacle = found.reason
    if obstacle is None:
        return EngineChoice("native", found.reason if asked == "auto" else f"{by}; {found.reason}")
    if asked == "native":
        raise RequestError(f"engine native cannot be used: {obstacle}; use auto or torch")
    return EngineChoice("torch", obstacle)


def engine_for(
    asked: str, *tensors: Tensor, cell: Cell = "lstm", projects: bool = False, packed: bool = False
) -> EngineChoice:
    """Find the engine for one call: what `choose_engine` gives, or what takes its place for this call.

    Args:
        asked: as for `choose_engine`.
        *tensors: what the call reads, a weight among them.
        cell: as for `choose_engine`.
        projects: whether the LSTM projects its states.
        packed: whether torch would take its packed kernels, which know every dtype.

    Raises:
        RequestError: the engine was asked for by name and cannot run this call; or torch cannot, on this processor.
    """
    engine = _engine_for(asked, tensors, cell, projects)
    if engine.name == "torch" and cell == "lstm" and not projects and not packed:
        _see_that_torch_can(tensors[0])
    return engine


def _see_that_torch_can(given: Tensor) -> None:
    """Refuse what torch has no LSTM for on this processor.

    Raises:
        RequestError: it has none for the input's dtype, or for that of autocast.
    """
    under_autocast = torch.is_autocast_enabled("cpu")
    dtype = torch.get_autocast_dtype("cpu") if under_autocast else given.dtype
    if given.device.type != "cpu" or dtype not in (torch.bfloat16, torch.float16):
        return
    with torch._C._DisableTorchDispatch():
        why = torch_engine.lacks(dtype, under_autocast)
    if why:
        name = str(dtype).removeprefix("torch.")
        way = "leave autocast" if under_autocast else "take module.float()"
        raise RequestError(
            f"torch runs no LSTM in {name} on this processor, which lacks the instructions ({why}); {way} and compute "
            "in float32, or use bfloat16 on a processor with AVX-512"
        )


def _engine_for(asked: str, tensors: tuple[Tensor, ...], cell: Cell, projects: bool) -> EngineChoice:
    engine = choose_engine(asked, cell)
    named = engine.reason.startswith("asked for")
    other: EngineChoice | None = None
    if engine.name == "torch":
        other = None if named or projects else _under_a_transform()
    elif projects:
        other = EngineChoice("torch", "with projections")
    elif engine.name == "native":
        other = next((found for tensor in tensors if (found := stand_in(tensor)) is not None), None)
    if other is None:
        return engine
    if named:
        raise RequestError(f"engine {engine.name} cannot be used here: {other.reason}; use auto or torch")
    return other


def stand_in(tensor: Tensor) -> EngineChoice | None:
    """What takes a call that the native engine cannot, as far as the call itself decides; None where it can."""
    if (other := _under_a_transform()) is not None:
        return other
    if tensor.device.type != "cpu":
        return EngineChoice("torch", f"the native engine runs on the CPU alone, not on {tensor.device.type}")
    if tensor.dtype not in (torch.float32, torch.float64):
        dtype = str(tensor.dtype).removeprefix("torch.")
        return EngineChoice("torch", f"the native engine knows float32 and float64, not {dtype}")
    if (other := stand_in_now()) is not None:
        return other
    if getattr(type(tensor), _DISPATCH) is not getattr(Tensor, _DISPATCH):
        return EngineChoice("torch", f"a {type(tensor).__name__} is no plain tensor")
    return None


def stand_in_now() -> EngineChoice | None:
    """The same as far as the state that torch is in decides it, whatever the tensors are."""
    if torch.is_autocast_enabled("cpu"):
        return EngineChoice("torch", "under autocast")
    if torch.compiler.is_compiling():
        return EngineChoice("torch", "while torch compiles")
    if torch._C._get_tracing_state() is not None:
        return EngineChoice("torch", "while torch traces")
    if torch._C._len_torch_dispatch_stack():
        return EngineChoice("torch", "under a dispatch mode of torch, such as fake tensors")
    return _under_a_transform()


def _under_a_transform() -> EngineChoice | None:
    # torch's own kernels have no rules for these; the formulas are plain operations, which all have.
    if torch._C._are_functorch_transforms_active():
        return EngineChoice("reference", "under a transform of torch.func, such as vmap")
    if torch.autograd.forward_ad._current_level >= 0:
        return EngineChoice("reference", "under forward-mode differentiation")
    return None


def quicker(n_sequences: int, hidden_size: int, wants_gradient: bool) -> EngineChoice | None:
    """What is quicker than the native engine for sequences of one length; None where nothing is (docs/engine.md).

    The native engine's threads own sequences, so that fewer sequences than threads leave some idle; torch's share the
    units. With few units, waiting for each other at every step costs more than that gains.
    """
    if n_sequences < torch.get_num_threads() and hidden_size >= _MANY_UNITS:
        return EngineChoice("torch", "fewer sequences than threads and many units, which torch's kernels share")
    if not wants_gradient and n_sequences >= _MANY_SEQUENCES:
        return EngineChoice(
            "torch", "many sequences of one length without a gradient, where torch's kernels are quicker"
        )
    return None
