"""Augmentation: the features that the changed recording has; masks within their widths; drawn by the seed alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import noise

from lstmkit.config.schema import AugmentConfig
from lstmkit.data.audio.augment import SpeechAugmentation, frequency_masked, shifted, time_masked
from lstmkit.data.audio.features import FeatureSettings, added_by_a_neper, silent_frame
from lstmkit.ragged import Layout, Ragged
from sounds import features

KINDS = [FeatureSettings(8000), FeatureSettings(8000, deltas=2), FeatureSettings(8000, kind="mfcc", deltas=1)]
ALL = AugmentConfig(time_warp=0.2, time_shift_ms=40.0, gain_db=6.0, time_masks=2, frequency_masks=2)


def batch_of(*sequences: np.ndarray) -> Ragged:
    """Sequences, the longest first, as rows by the layout."""
    layout = Layout(torch.tensor([len(one) for one in sequences]))
    rows = [sequences[k][step] for step in range(layout.n_steps) for k in range(int(layout.batch_sizes[step]))]
    return Ragged(torch.from_numpy(np.stack(rows)), layout, torch.arange(len(sequences)))


def apart(rows: torch.Tensor, layout: Layout) -> list[np.ndarray]:
    return [rows[layout.sequence_of_row == k].numpy() for k in range(layout.n_sequences)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.kind}-{kind.deltas}")
def test_silence_and_loudness_are_those_of_recordings(kind: FeatureSettings) -> None:
    np.testing.assert_allclose(features(np.zeros(900, np.float32), kind)[5], silent_frame(kind), rtol=1e-5, atol=1e-5)
    sound = noise(2000)
    louder = features((sound * np.float32(np.e**0.5)), kind) - features(sound, kind)
    np.testing.assert_allclose(louder, np.tile(added_by_a_neper(kind), (len(louder), 1)), atol=2e-5)


def test_a_shift_gives_the_features_of_the_shifted_recording() -> None:
    kind = FeatureSettings(8000)
    sound = noise(2400)
    frames = features(sound, kind)

    class Latest(np.random.Generator):
        def uniform(self, low: float, high: float, size: int) -> np.ndarray:
            return np.full(size, high)

    later = shifted(
        torch.from_numpy(frames),
        Layout(torch.tensor([len(frames)])),
        3.0,
        torch.from_numpy(silent_frame(kind)),
        Latest(np.random.PCG64(0)),
    )
    moved = np.concatenate([np.zeros(3 * kind.hop, np.float32), sound])[: len(sound)]
    whole = 3 + kind.window // kind.hop + 1  # frames that hold silence and sound are neither's
    np.testing.assert_allclose(later[:1], features(moved, kind)[:1], rtol=1e-5)
    np.testing.assert_allclose(later[whole:-3], features(moved, kind)[whole:-3], rtol=1e-4, atol=1e-4)


@settings(max_examples=60, deadline=None)
@given(lengths=st.lists(st.integers(1, 12), min_size=1, max_size=5), most=st.integers(0, 20), seed=st.integers(0, 999))
def test_each_sequence_is_shifted_by_itself(lengths: list[int], most: int, seed: int) -> None:
    given = [np.arange(1, n + 1, dtype=np.float32)[:, None] + 100 * k for k, n in enumerate(sorted(lengths)[::-1])]
    batch = batch_of(*given)
    moved = shifted(batch.rows, batch.layout, float(most), torch.tensor([-1.0]), np.random.default_rng(seed))
    drawn = np.random.default_rng(seed).uniform(-most, most, len(given)).round().astype(int)
    for one, other, by in zip(given, apart(moved, batch.layout), drawn, strict=True):
        n = len(one)
        assert other[:, 0].tolist() == [one[k - by, 0] if 0 <= k - by < n else -1.0 for k in range(n)]


def test_masks_keep_to_their_widths_and_reach_every_place() -> None:
    given = [np.ones((n, 12), np.float32) for n in (40, 10, 1)]
    batch = batch_of(*given)
    hidden_steps, hidden_bands, widest = np.zeros(40, bool), np.zeros(4, bool), 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        in_time = apart(time_masked(batch.rows, batch.layout, 1, 0.2, random), batch.layout)
        assert [int((rows == 0).all(1).sum()) <= int(0.2 * len(rows)) for rows in in_time] == [True] * 3
        hidden_steps |= (in_time[0] == 0).all(1)
        in_bands = apart(frequency_masked(batch.rows, batch.layout, 1, 3, 3, random), batch.layout)
        for rows in in_bands:
            bands = (rows == 0).all(0).reshape(3, 4)
            assert (bands == bands[0]).all()  # the same in the features, their slopes and the slopes of these
            widest = max(widest, int(bands[0].sum()))
            hidden_bands |= bands[0]
    assert hidden_steps.all()
    assert hidden_bands.all()
    assert widest == 3


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.kind}-{kind.deltas}")
def test_it_is_decided_by_seed_epoch_and_step(kind: FeatureSettings) -> None:
    given = [features(noise(n, seed=n), kind) for n in (3000, 1700, 1)]
    batch = batch_of(*given)
    kept = batch.rows.clone()
    silence, loudness = torch.from_numpy(silent_frame(kind)), torch.from_numpy(added_by_a_neper(kind))
    change = SpeechAugmentation(ALL, kind, silence, loudness, seed=3)
    one = change(batch, 1, 2)
    assert torch.equal(batch.rows, kept)
    assert (one.rows.shape, one.rows.dtype) == (kept.shape, torch.float32)
    assert bool(torch.isfinite(one.rows).all())
    assert torch.equal(change(batch, 1, 2).rows, one.rows)
    for other in (change(batch, 1, 3), change(batch, 2, 2), replace(change, seed=4)(batch, 1, 2)):
        assert not torch.equal(other.rows, one.rows)
    nothing = replace(change, config=AugmentConfig())
    assert torch.equal(nothing(batch, 1, 2).rows, kept)


def test_cepstral_coefficients_have_no_bands_to_hide() -> None:
    kind = FeatureSettings(8000, kind="mfcc")
    batch = batch_of(features(noise(2000), kind))
    blank = torch.zeros(13)
    hiding = SpeechAugmentation(AugmentConfig(frequency_masks=3), kind, blank, blank, seed=0)
    assert torch.equal(hiding(batch, 1, 0).rows, batch.rows)
