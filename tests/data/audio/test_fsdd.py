"""The spoken digits of FSDD, from their archive: all are read, and streamed features are the whole recording's."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from lstmkit.data.audio.features import FeatureSettings
from lstmkit.data.audio.reading import read_audio
from lstmkit.data.audio.stream import FeatureStream
from sounds import features


@pytest.mark.data
def test_every_recording_is_read_and_can_be_streamed(data_folder: Path) -> None:
    settings = FeatureSettings(rate=8000)
    with zipfile.ZipFile(data_folder / "fsdd" / "free-spoken-digit-dataset-recordings.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".wav"))
        recordings = {name: read_audio(archive.read(name), 8000, name=name) for name in names}
    assert len(recordings) == 3000
    assert all(recording.facts.notes == () for recording in recordings.values())
    for name in names[::100]:
        samples, stream = recordings[name].samples, FeatureStream(settings)
        parts = [stream.push(samples[at : at + 80]) for at in range(0, len(samples), 80)]
        whole = features(samples, settings)
        assert len(whole) > 10
        assert np.isfinite(whole).all()
        np.testing.assert_allclose(np.concatenate([*parts, stream.finish()]), whole, rtol=1e-6, atol=1e-6)
