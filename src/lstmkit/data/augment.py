"""Light changes to a training batch of series, drawn anew for each batch: jitter, scaling, offset, time warp."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from lstmkit.config.schema import AugmentConfig
from lstmkit.ragged import Layout, Ragged

Augment = Callable[[Ragged, int, int], Ragged]
"""Changes a training batch; the numbers are those of epoch and step."""
_MODES = 3  # waves that a warp of time is made of: one, two and three halves over the sequence


@dataclass(frozen=True)
class Augmentation:
    """What is done to the batches of a run.

    Attributes:
        config: strengths; 0 leaves a change out.
        n_channels: features that hold values; masks stand behind them, and move with time alone.
        seed: of the run.
    """

    config: AugmentConfig
    n_channels: int
    seed: int

    def __call__(self, batch: Ragged, epoch: int, step: int) -> Ragged:
        """The batch changed; which way is decided by seed, epoch and step."""
        random = np.random.default_rng([self.seed, epoch, step])
        rows = batch.rows
        if self.config.time_warp:
            rows = warp(rows, batch.layout, self.config.time_warp, random)
        values = rows[:, : self.n_channels]
        if self.config.scaling:
            drawn = random.standard_normal((batch.layout.n_sequences, self.n_channels), dtype=np.float32)
            values = values * torch.from_numpy(drawn).mul(self.config.scaling).exp()[batch.layout.sequence_of_row]
        if self.config.offset:
            drawn = random.standard_normal((batch.layout.n_sequences, self.n_channels), dtype=np.float32)
            values = values + torch.from_numpy(drawn).mul(self.config.offset)[batch.layout.sequence_of_row]
        if self.config.jitter:
            drawn = random.standard_normal(tuple(values.shape), dtype=np.float32)
            values = values + self.config.jitter * torch.from_numpy(drawn)
        return Ragged(torch.cat([values, rows[:, self.n_channels :]], 1), batch.layout, batch.order)


def warp(
    rows: Float[Tensor, "rows features"], layout: Layout, strength: float, random: np.random.Generator
) -> Float[Tensor, "rows features"]:
    """Each sequence read at a pace that varies smoothly, from its first step to its last, at the length it has.

    With u from 0 to 1 along the sequence, what stands at u is what stood at u + sum_k a_k sin(k pi u) / (k pi), between
    two steps in proportion; a_k is drawn from U(-1, 1) times strength / 3, so that the pace stays between
    1 - strength and 1 + strength and time never turns back (after Um et al. 2017, who use splines).

    Args:
        rows: float32, by the layout.
        layout: where each step of each sequence lies.
        strength: from 0 to below 1.
        random: draws the paces.
    """
    modes = torch.arange(1, _MODES + 1)
    drawn = random.uniform(-1, 1, (layout.n_sequences, _MODES)).astype(np.float32)
    weights = torch.from_numpy(drawn) * (strength / _MODES) / (math.pi * modes)
    last = (layout.lengths - 1)[layout.sequence_of_row]
    along = layout.step_of_row / last.clamp(min=1)
    waves = torch.sin(math.pi * along[:, None] * modes)
    place = (along + (weights[layout.sequence_of_row] * waves).sum(1)).clamp(0, 1) * last
    before = torch.minimum(place.long(), (last - 1).clamp(min=0))
    share = (place - before).unsqueeze(1)
    return torch.lerp(rows[row_of(layout, before)], rows[row_of(layout, torch.minimum(before + 1, last))], share)


def row_of(layout: Layout, steps: Tensor) -> Tensor:
    """The rows at which these steps lie, one for each row and of its own sequence."""
    return layout.starts[steps] + layout.sequence_of_row
