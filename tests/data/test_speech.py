"""The encoder of recordings: features scaled on training, one rate, bounded length; read back as it was."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from lstmkit.config.schema import DataConfig, EncoderConfig
from lstmkit.core.errors import ArtifactError, DataError, RequestError
from lstmkit.data.audio.features import FeatureSettings
from lstmkit.data.audio.reading import read_audio, take_audio
from lstmkit.data.encoded import encode
from lstmkit.data.encoding import fit_encoder, read_encoder
from lstmkit.data.sources import Part, cut, load_corpus
from lstmkit.data.sources.clips import Archives, read_clip
from lstmkit.data.sources.corpus import Clip
from lstmkit.data.speech import SpeechEncoder, features_of, spectrogram
from sounds import RATE, features, whistle, write_sound, write_whistles

CONFIG = EncoderConfig(n_mels=20, max_length=1000)


@pytest.fixture
def part(tmp_path: Path) -> Part:
    return load_corpus(DataConfig(source=str(write_whistles(tmp_path / "words", 4)))).parts["all"]


def clip_at(path: Path) -> Clip:
    with Archives() as archives:
        return read_clip(path, archives)[0]


@pytest.mark.parametrize("kind", [{}, {"deltas": 2}, {"features": "mfcc", "deltas": 1}], ids=str)
def test_rows_are_scaled_features(part: Part, kind: dict[str, object]) -> None:
    config = CONFIG.model_copy(update=kind)
    encoder = SpeechEncoder.fit(part.inputs, config)
    rows, offsets, whole = encoder.encode_counted(part.inputs)
    settings = FeatureSettings(RATE, n_mels=20, kind=config.features, deltas=config.deltas)
    raw = []
    for clip in part.inputs:
        import soundfile

        samples, _ = soundfile.read(clip.path, dtype="float32")
        raw.append(features(samples, settings))
    every = np.concatenate(raw).astype(np.float64)
    np.testing.assert_allclose(rows, (every - every.mean(0)) / every.std(0), atol=2e-5)
    assert np.diff(offsets).tolist() == whole.tolist() == [len(one) for one in raw]
    assert (rows.dtype, encoder.shape) == (np.float32, {"n_features": settings.n_features})
    assert len(encoder.features) == len(set(encoder.features)) == settings.n_features


def test_names_of_features() -> None:
    assert features_of(FeatureSettings(8000, n_mels=3, n_mfcc=3, deltas=1))[::3] == ["601 Hz", "601 Hz slope"]
    assert features_of(FeatureSettings(8000, kind="mfcc", n_mfcc=2)) == ["c0", "c1"]


def test_the_commonest_rate_is_read_unless_one_is_asked_for(tmp_path: Path) -> None:
    paths = [write_sound(tmp_path / f"{k}.wav", whistle("rises", k), RATE) for k in range(2)]
    paths.append(write_sound(tmp_path / "high.wav", whistle("rises", 5, 16_000), 16_000))
    clips = [clip_at(path) for path in paths]
    assert SpeechEncoder.fit(clips, CONFIG).settings.rate == RATE
    assert SpeechEncoder.fit(clips[1:], CONFIG).settings.rate == 16_000  # of equals the highest
    encoder = SpeechEncoder.fit(clips, CONFIG.model_copy(update={"rate": 12_000}))
    assert encoder.settings.rate == 12_000
    same = read_audio(paths[2])
    rows = [encoder.encode([sound])[0] for sound in (clips[2], take_audio(same.samples, 16_000, 12_000))]
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-6)
    with pytest.raises(RequestError, match="n_mels = 400 at 8,000 Hz leaves"):
        SpeechEncoder.fit(clips, CONFIG.model_copy(update={"n_mels": 400}))


@pytest.mark.parametrize("truncate", ["head", "tail", "ends"])
@pytest.mark.parametrize("most", [1, 2, 7, 1000])
def test_a_long_recording_keeps_what_truncate_says(part: Part, truncate: str, most: int) -> None:
    whole_encoder = SpeechEncoder.fit(part.inputs, CONFIG)
    asked = {"max_length": most, "truncate": truncate}
    encoder = SpeechEncoder(whole_encoder.settings, whole_encoder.means, whole_encoder.deviations, **asked)  # pyright: ignore[reportArgumentType]
    whole, offsets = whole_encoder.encode(part.inputs)
    rows, starts, lengths = encoder.encode_counted(part.inputs)
    assert lengths.tolist() == np.diff(offsets).tolist()
    for k in range(len(part)):
        one = whole[offsets[k] : offsets[k + 1]]
        n_tail = {"head": 0, "tail": most, "ends": most // 2}[truncate]
        kept = one if len(one) <= most else np.concatenate([one[: most - n_tail], one[len(one) - n_tail :]])
        np.testing.assert_allclose(rows[starts[k] : starts[k + 1]], kept, atol=1e-6)


def test_an_hour_is_read_a_piece_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hour = np.tile(whistle("rises", 0), 3600 * RATE // len(whistle("rises", 0)))
    path = write_sound(tmp_path / "hour.flac", hour)
    largest = []
    real = torch.stft

    def watched(samples: torch.Tensor, *arguments: object, **keywords: object) -> torch.Tensor:
        largest.append(len(samples))
        return real(samples, *arguments, **keywords)  # pyright: ignore[reportArgumentType, reportCallIssue]

    monkeypatch.setattr(torch, "stft", watched)
    clip = clip_at(path)
    encoder = SpeechEncoder.fit([clip], CONFIG)
    rows, _, whole = encoder.encode_counted([clip])
    assert len(rows) == 1000
    assert whole.tolist() == [encoder.settings.n_frames(len(hour))]
    assert max(largest) < 20 * RATE


def test_one_sample_is_one_frame(part: Part, tmp_path: Path) -> None:
    encoder = SpeechEncoder.fit(part.inputs, CONFIG)
    click = clip_at(write_sound(tmp_path / "click.wav", np.array([0.5], np.float32)))
    rows, offsets = encoder.encode([click, click])
    assert offsets.tolist() == [0, 1, 2]
    assert np.isfinite(rows).all()
    assert encoder.encode([])[0].shape == (0, 20)


def test_an_encoder_is_read_back_from_its_description(part: Part) -> None:
    encoder = SpeechEncoder.fit(part.inputs, CONFIG.model_copy(update={"deltas": 1}))
    kept = json.loads(json.dumps(encoder.describe()))
    again = read_encoder(kept, {})
    assert again == encoder
    np.testing.assert_array_equal(again.encode(part.inputs)[0], encoder.encode(part.inputs)[0])
    for damaged in (
        {"kind": "audio"},
        {**kept, "settings": {**kept["settings"], "rate": 3}},
        {**kept, "settings": {**asdict(encoder.settings), "colour": 1}},
    ):
        with pytest.raises(ArtifactError, match="its encoder is damaged"):
            read_encoder(damaged, {})


def test_what_an_encoder_of_recordings_is_not_asked_for(part: Part) -> None:
    with pytest.raises(RequestError, match=r"encoder\.kind=words: this source holds recordings; leave it at auto"):
        fit_encoder(part.inputs, CONFIG.model_copy(update={"kind": "words"}), "audio")
    with pytest.raises(RequestError, match=r"encoder\.kind=audio: this source holds texts or tokens"):
        fit_encoder(["a text"], CONFIG.model_copy(update={"kind": "audio"}), "text")


def test_encoded_parts_come_from_the_cache_without_a_look_at_the_files(tmp_path: Path) -> None:
    corpus = load_corpus(DataConfig(source=str(write_whistles(tmp_path / "words", 6))))
    parts = cut(corpus, DataConfig(), 0)
    fresh = encode(corpus, parts, CONFIG, {"seed": 0})
    for path in (tmp_path / "words").rglob("*.*"):
        path.unlink()
    cached = encode(corpus, parts, CONFIG, {"seed": 0})
    assert cached.encoder == fresh.encoder
    np.testing.assert_array_equal(cached.parts["train"].rows, fresh.parts["train"].rows)
    with pytest.raises(DataError, match="cannot be read"):
        encode(corpus, parts, CONFIG.model_copy(update={"n_mels": 21}), {"seed": 0})


def test_threads_are_as_before(part: Part) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        SpeechEncoder.fit(part.inputs, CONFIG)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_picture_has_no_more_columns_than_asked(part: Part) -> None:
    assert spectrogram(part.inputs[0], RATE, 16, 5).shape == (5, 16)
    assert len(spectrogram(part.inputs[0], RATE, 16, 500)) == FeatureSettings(RATE).n_frames(part.inputs[0].n_samples)
