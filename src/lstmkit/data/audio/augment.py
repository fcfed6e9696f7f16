"""Light changes to a training batch of recordings, drawn anew for each batch: shift, gain, pace, SpecAugment's masks.

They are made of the features, so that these are computed once. A shift by whole frames with silence coming in, and a
gain, give the features that the changed recording has, but for bands at the floor and slopes where silence begins.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from lstmkit.config.schema import AugmentConfig
from lstmkit.data.audio.features import FeatureSettings
from lstmkit.data.augment import row_of, warp
from lstmkit.ragged import Layout, Ragged

NEPERS_PER_DB = math.log(10) / 10  # of power


@dataclass(frozen=True)
class SpeechAugmentation:
    """What is done to the batches of a run.

    Attributes:
        config: strengths; 0 leaves a change out.
        settings: of the features.
        silence: a frame of silence, scaled as the rows are, float32 `(features,)`.
        loudness: what a neper of power adds to a row, float32 `(features,)`.
        seed: of the run.
    """

    config: AugmentConfig
    settings: FeatureSettings
    silence: Float[Tensor, " features"]
    loudness: Float[Tensor, " features"]
    seed: int

    def __call__(self, batch: Ragged, epoch: int, step: int) -> Ragged:
        """The batch changed; which way is decided by seed, epoch and step."""
        random = np.random.default_rng([self.seed, epoch, step])
        rows, layout, asked = batch.rows, batch.layout, self.config
        if asked.time_warp:
            rows = warp(rows, layout, asked.time_warp, random)
        if asked.time_shift_ms:
            rows = shifted(rows, layout, asked.time_shift_ms / self.settings.hop_ms, self.silence, random)
        if asked.gain_db:
            drawn = random.uniform(-1, 1, layout.n_sequences).astype(np.float32)
            nepers = torch.from_numpy(drawn) * (asked.gain_db * NEPERS_PER_DB)
            rows = rows + nepers[layout.sequence_of_row].unsqueeze(1) * self.loudness
        if asked.time_masks:
            rows = time_masked(rows, layout, asked.time_masks, asked.time_mask_share, random)
        if asked.frequency_masks and self.settings.kind == "log_mel":
            groups = 1 + self.settings.deltas
            rows = frequency_masked(rows, layout, asked.frequency_masks, asked.frequency_mask_bands, groups, random)
        return Ragged(rows, layout, batch.order)


def shifted(
    rows: Float[Tensor, "rows features"],
    layout: Layout,
    most: float,
    silence: Float[Tensor, " features"],
    random: np.random.Generator,
) -> Float[Tensor, "rows features"]:
    """Each sequence later or earlier by up to `most` frames, evenly drawn; what leaves is lost, silence comes in."""
    drawn = random.uniform(-most, most, layout.n_sequences).round().astype(np.int64)
    place = layout.step_of_row - torch.from_numpy(drawn)[layout.sequence_of_row]
    last = (layout.lengths - 1)[layout.sequence_of_row]
    there = (place >= 0) & (place <= last)
    moved = rows[row_of(layout, place.clamp(min=0).minimum(last))]
    return torch.where(there.unsqueeze(1), moved, silence)


def time_masked(
    rows: Float[Tensor, "rows features"], layout: Layout, n_masks: int, share: float, random: np.random.Generator
) -> Float[Tensor, "rows features"]:
    """Some stretches of each sequence at 0, the mean of scaled features.

    A mask's width is evenly drawn from 0 to `share` of the sequence, so that a short one is not hidden, then its place
    from those where it fits (SpecAugment: Park et al. 2019, section 2).
    """
    lengths = layout.lengths.numpy()
    hidden = torch.zeros(len(rows), dtype=torch.bool)
    for _ in range(n_masks):
        first, end = _stretches(lengths, (share * lengths).astype(np.int64), random)
        hidden |= (layout.step_of_row >= first[layout.sequence_of_row]) & (
            layout.step_of_row < end[layout.sequence_of_row]
        )
    return rows.masked_fill(hidden.unsqueeze(1), 0.0)


def frequency_masked(
    rows: Float[Tensor, "rows features"],
    layout: Layout,
    n_masks: int,
    width: int,
    groups: int,
    random: np.random.Generator,
) -> Float[Tensor, "rows features"]:
    """Some bands of each sequence at 0.

    Args:
        rows: scaled features by the layout.
        layout: where each step of each sequence lies.
        n_masks: for each sequence.
        width: of a mask in bands, at most; it never covers all.
        groups: of features that lie side by side, as slopes do: a band is masked in each.
        random: draws widths, then places.
    """
    n_bands = rows.shape[1] // groups
    bands = np.full(layout.n_sequences, n_bands)
    hidden = torch.zeros(layout.n_sequences, n_bands, dtype=torch.bool)
    for _ in range(n_masks):
        first, end = _stretches(bands, np.full_like(bands, min(width, n_bands - 1)), random)
        number = torch.arange(n_bands)
        hidden |= (number >= first.unsqueeze(1)) & (number < end.unsqueeze(1))
    return rows.masked_fill(hidden.repeat(1, groups)[layout.sequence_of_row], 0.0)


def _stretches(
    lengths: Int[np.ndarray, " n"], widest: Int[np.ndarray, " n"], random: np.random.Generator
) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"]]:
    """Where a mask of each begins, and one past its end."""
    width = random.integers(0, widest + 1)
    first = random.integers(0, lengths - width + 1)
    return torch.from_numpy(first), torch.from_numpy(first + width)
