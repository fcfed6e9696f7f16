"""Augmentation changes what it says, by so much, in the same way for the same seed, epoch and step."""

import numpy as np
import pytest
import torch

from lstmkit.config.schema import AugmentConfig
from lstmkit.data.augment import Augmentation, warp
from lstmkit.ragged import Layout, Ragged

LENGTHS = torch.tensor([400, 37, 2, 1])


def batch_of(rows: torch.Tensor) -> Ragged:
    return Ragged(rows, Layout(LENGTHS), torch.arange(len(LENGTHS)))


def ramp() -> torch.Tensor:
    """Each row its step's number, and behind it a mask of zeros."""
    steps = Layout(LENGTHS).step_of_row.float()
    return torch.stack([steps, steps * 2, torch.zeros_like(steps)], 1)


@pytest.mark.parametrize("change", ["jitter", "scaling", "offset", "time_warp"])
def test_the_same_seed_epoch_and_step_give_the_same_bits(change: str) -> None:
    config, batch = AugmentConfig(**{change: 0.5}), batch_of(ramp())
    once, again, later, other = (
        Augmentation(config, 2, seed)(batch, epoch, step).rows
        for seed, epoch, step in [(1, 2, 3), (1, 2, 3), (1, 2, 4), (2, 2, 3)]
    )
    assert torch.equal(once, again)
    assert not torch.equal(once, later)
    assert not torch.equal(once, other)
    assert torch.equal(batch.rows, ramp())  # what came is left as it was


def test_masks_have_no_noise_no_factor_and_no_offset() -> None:
    changed = Augmentation(AugmentConfig(jitter=1.0, scaling=1.0, offset=1.0), 2, 0)(batch_of(ramp()), 1, 0).rows
    assert torch.equal(changed[:, 2], ramp()[:, 2])


def test_jitter_is_of_the_size_asked_for() -> None:
    noise = Augmentation(AugmentConfig(jitter=0.3), 2, 0)(batch_of(ramp()), 1, 0).rows[:, :2] - ramp()[:, :2]
    assert abs(noise.std().item() - 0.3) < 0.02


def test_a_factor_is_one_for_a_series_and_channel() -> None:
    factors = (
        Augmentation(AugmentConfig(scaling=0.3), 2, 0)(batch_of(ramp() + 1), 1, 0).rows[:, :2] / (ramp() + 1)[:, :2]
    )
    of_sequence = Layout(LENGTHS).sequence_of_row
    for sequence in range(len(LENGTHS)):
        own = factors[of_sequence == sequence]
        torch.testing.assert_close(own, own[:1].expand_as(own))
    assert factors.unique(dim=0).shape[0] > 1


def test_an_offset_is_one_for_a_series_and_channel_and_of_the_size_asked_for() -> None:
    layout = Layout(torch.full((500,), 3))
    rows = torch.randn(1500, 3)
    added = Augmentation(AugmentConfig(offset=0.6), 2, 0)(Ragged(rows, layout, torch.arange(500)), 1, 0).rows - rows
    of_series = torch.stack([added[layout.sequence_of_row == k] for k in range(500)])  # (series, steps, features)
    torch.testing.assert_close(of_series, of_series[:, :1].expand(500, 3, 3), atol=1e-5, rtol=0)
    assert abs(of_series[:, 0, :2].std().item() - 0.6) < 0.03
    assert abs(np.corrcoef(of_series[:, 0, 0], of_series[:, 0, 1])[0, 1]) < 0.2


@pytest.mark.parametrize("strength", [0.1, 0.5, 0.99])
def test_time_goes_forward_from_end_to_end(strength: float) -> None:
    layout = Layout(LENGTHS)
    for seed in range(20):
        warped = warp(ramp(), layout, strength, np.random.default_rng(seed))[:, 0]
        for sequence, length in enumerate(LENGTHS.tolist()):
            read = warped[layout.sequence_of_row == sequence]
            assert read[0].item() == pytest.approx(0, abs=1e-3)
            assert read[-1].item() == pytest.approx(length - 1, abs=1e-3)
            pace = read.diff()
            assert (pace > 1 - strength - 1e-3).all()
            assert (pace < 1 + strength + 1e-3).all()
    assert (warped[layout.sequence_of_row == 0].diff() - 1).abs().max() > strength / 10
