"""torch's process-wide settings, borrowed for a while and given back."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

from lstmkit.core.errors import RequestError


def device_for(asked: Literal["auto", "cpu", "cuda"]) -> torch.device:
    """The device that a request means.

    Raises:
        RequestError: cuda was asked for and there is none.
    """
    has_cuda = torch.cuda.is_available()
    if asked == "cuda" and not has_cuda:
        raise RequestError("device 'cuda' is not available to torch here; use device='cpu' or device='auto'")
    return torch.device("cuda" if has_cuda and asked != "cpu" else "cpu")


@contextmanager
def borrowed(threads: int, device: torch.device, seed: int | None = None) -> Iterator[None]:
    """Set threads, random state and gradients for a block; the caller's own come back after it, on an error too.

    Args:
        threads: CPU threads; 0: as torch is set.
        device: where the block computes.
        seed: what torch's random numbers start from inside; None: they are left alone.
    """
    n_threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    has_gpu = device.type == "cuda"
    try:
        if threads:
            torch.set_num_threads(threads)
        if has_gpu:
            # Sums on a GPU have no fixed order otherwise, and the same seed would give other bits.
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
            torch.use_deterministic_algorithms(True)
        gpus = [torch.cuda.current_device()] if has_gpu else []
        # Under a caller's no_grad or inference_mode nothing could be learned.
        with torch.random.fork_rng(gpus), torch.inference_mode(False), torch.enable_grad():
            if seed is not None:
                # torch.manual_seed would reseed every GPU of the caller's, also those that this block does not use.
                torch.default_generator.manual_seed(seed)
                if has_gpu:
                    torch.cuda.manual_seed(seed)
            yield
    finally:
        torch.use_deterministic_algorithms(deterministic)
        torch.set_num_threads(n_threads)
