"""Adam, exact, for embeddings whose gradient has rows for the batch's tokens alone."""

from collections.abc import Callable, Iterable
from ctypes import byref
from typing import Any, cast

import torch
from torch import Tensor, nn

from lstmkit.nn import native
from lstmkit.nn.engines import stand_in
from lstmkit.nn.library import AdamStep, native_library


class Adam(torch.optim.Adam):
    """`torch.optim.Adam` (Kingma and Ba 2015) that takes sparse gradients too, as the dense ones that they stand for.

    A row without a gradient has a gradient of zero: its moments fade and it goes on moving, as in torch's Adam with a
    dense gradient, and unlike in `torch.optim.SparseAdam`, which leaves it where it is. A row that has never had a
    gradient does not move, and costs nothing.

    Args:
        params: parameters or groups, as for `torch.optim.Adam`.
        lr: learning rate.
        betas: how fast the two moments fade.
        eps: added to the root of the second moment.
        weight_decay: see `decoupled`.
        decoupled: shrink parameters by `lr * weight_decay` (AdamW, Loshchilov and Hutter 2019) in place of adding
            `weight_decay * parameter` to the gradient.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        decoupled: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, fused=True, decoupled_weight_decay=decoupled)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step over all parameters that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        apart: list[tuple[nn.Parameter, Tensor, dict[str, Any]]] = []
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None or not parameter.grad.is_sparse:
                    continue
                if native_library().library is None or stand_in(parameter) is not None or not _has_rows(parameter):
                    parameter.grad = parameter.grad.to_dense()
                    continue
                apart.append((parameter, parameter.grad, group))
                parameter.grad = None
        dense = [
            parameter for group in self.param_groups for parameter in group["params"] if parameter.grad is not None
        ]
        super().step()
        for parameter in dense:  # torch's fused kernel leaves the version as it was
            torch.autograd.graph.increment_version(parameter)
        for parameter, grad, group in apart:
            parameter.grad = grad
            self._step_rows(parameter, with_distinct_rows(grad), group)
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As for every optimizer."""
        super().load_state_dict(state_dict)
        for state in self.state.values():
            if "live" in state:  # torch has given it the parameter's dtype
                state["live"] = state["live"].to(torch.uint8)

    def _step_rows(self, parameter: nn.Parameter, grad: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
            state["live"] = torch.zeros(len(parameter), dtype=torch.uint8)
        if "live" not in state:  # a state of torch's own
            state["live"] = torch.ones(len(parameter), dtype=torch.uint8)
        state["step"] += 1
        step, (beta1, beta2), lr, decay = (
            float(state["step"]),
            group["betas"],
            float(group["lr"]),
            group["weight_decay"],
        )
        decoupled = group["decoupled_weight_decay"]
        rows, values = grad._indices()[0], grad._values().contiguous()
        shape, dtype = tuple(parameter.shape), parameter.dtype
        native.one_dtype(parameter)
        native.expect("a parameter", parameter, shape, dtype)
        native.expect("its gradient", values, (len(rows), shape[1]), dtype)
        for name in ("exp_avg", "exp_avg_sq"):
            native.expect(f"its state {name}", state[name], shape, dtype)
        native.expect("its state live", state["live"], shape[:1], torch.uint8)
        place = torch.full((len(parameter),), -1, dtype=torch.int32)
        place[rows] = torch.arange(len(rows), dtype=torch.int32)
        job = AdamStep(
            len(parameter),
            parameter.shape[1],
            place.data_ptr(),
            values.data_ptr(),
            parameter.data_ptr(),
            state["exp_avg"].data_ptr(),
            state["exp_avg_sq"].data_ptr(),
            state["live"].data_ptr(),
            lr / (1 - beta1**step),
            (1 - beta2**step) ** 0.5,
            beta1,
            beta2,
            group["eps"],
            0.0 if decoupled else decay,
            1 - lr * decay if decoupled else 1.0,
        )
        native.library().lstmkit_adam(int(parameter.dtype == torch.float64), torch.get_num_threads(), byref(job))
        torch.autograd.graph.increment_version(parameter)


def _has_rows(parameter: nn.Parameter) -> bool:
    """Whether a parameter and its sparse gradient are what the library reads: rows, one after the other."""
    grad = cast(Tensor, parameter.grad)
    return parameter.dim() == 2 and parameter.is_contiguous() and grad.sparse_dim() == 1


def with_distinct_rows(grad: Tensor) -> Tensor:
    """A sparse gradient in which no row stands twice; itself where none does."""
    rows = grad._indices()[0]
    if not grad.is_coalesced() and len(torch.unique(rows)) < len(rows):
        return grad.coalesce()
    return grad


def clip_gradients(parameters: Iterable[nn.Parameter], largest: float) -> Tensor:
    """Scale all gradients so that their common norm is at most `largest` (Pascanu et al. 2013, algorithm 1).

    Args:
        parameters: those without a gradient are left out; sparse gradients count by their rows.
        largest: math.inf: nothing is scaled.

    Returns:
        The norm of before.
    """
    given = [parameter for parameter in parameters if parameter.grad is not None]
    if not given:
        return torch.tensor(0.0)
    for parameter in given:
        grad = cast(Tensor, parameter.grad)
        if grad.is_sparse:
            parameter.grad = with_distinct_rows(grad)
    values = [grad._values() if grad.is_sparse else grad for grad in (cast(Tensor, p.grad) for p in given)]
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(value) for value in values]))
    scale = torch.clamp(largest / (norm + 1e-6), max=1.0)  # as torch.nn.utils.clip_grad_norm_
    for value in values:
        value.mul_(scale)
    return norm
