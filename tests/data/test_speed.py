"""How long IMDB takes from its archive to token numbers, and from the cache."""

import time

import pytest

from lstmkit.config.schema import Config, DataConfig
from lstmkit.experiment.prepare import prepare


@pytest.mark.data
def test_imdb_is_ready_within_30_s_and_from_the_cache_within_2() -> None:
    config = Config(data=DataConfig(source="imdb"))
    seconds: list[float] = []  # of all threads together, so that a busy machine does not count
    for _ in range(2):
        started_s = time.process_time()
        prepared = prepare(config)
        seconds.append(time.process_time() - started_s)
        assert sum(len(part) for part in prepared.encoded.parts.values()) == 50_000
    first, again = seconds
    assert first < 30
    assert again < 2
