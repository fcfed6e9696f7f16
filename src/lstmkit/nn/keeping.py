"""Whether what was made of weights still holds: versions tell of most changes, and here is what tells the rest."""

from collections.abc import Iterable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook


class _Optimizers:
    n_steps = 0


def _count(*_: Any) -> None:
    _Optimizers.n_steps += 1


@cache
def _watch_optimizers() -> None:
    """Fused optimizers change parameters without raising their version, so their steps are counted."""
    register_optimizer_step_post_hook(_count)


class Made:
    """What tensors were when something was made of them. It keeps them alive, so that no other takes their place."""

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        _watch_optimizers()
        self._n_steps = _Optimizers.n_steps
        # What is detached keeps the memory where it is, even if the tensor is given other memory.
        self._then = [(tensor, tensor.data_ptr(), tensor._version, tensor.detach()) for tensor in tensors]

    def holds(self, tensors: Iterable[Tensor | None]) -> bool:
        """Whether these are the same tensors, unchanged since."""
        if self._n_steps != _Optimizers.n_steps:
            return False
        for now, (then, pointer, version, _) in zip(tensors, self._then, strict=True):
            if now is None or now is not then or now.data_ptr() != pointer or now._version != version:
                return False
        return True


class Forgetful(nn.Module):
    """A module that keeps what it made of its weights, and lets it go when they may have changed unseen."""

    def forget(self) -> None:
        """Let go of what was made of the weights."""
        raise NotImplementedError

    def train(self, mode: bool = True) -> "Forgetful":
        """As for every module; going from one mode to the other also forgets."""
        if mode != self.training:
            self.forget()
        return super().train(mode)

    def _apply(self, *args: Any, **kwargs: Any) -> Any:
        self.forget()
        return super()._apply(*args, **kwargs)

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        self.forget()
        super()._load_from_state_dict(*args, **kwargs)


def forget_while_training(module: Forgetful) -> None:
    """To be called by forward: weights that have gradients are about to change."""
    if torch.is_grad_enabled():
        module.forget()
