"""What every test shares: shapes checked at run time, a cache of its own, real data only where it is."""

import os
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

# Shapes in signatures are checked under pytest (and only there: users pay nothing for it).
install_import_hook(
    [
        *("lstmkit.ragged", "lstmkit.nn", "lstmkit.models", "lstmkit.train", "lstmkit.evaluate"),
        *("lstmkit.data.tasks", "lstmkit.experiment.probe.network"),
    ],
    "beartype.beartype",
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("LSTMKIT_CACHE", str(folder))
    return folder


@pytest.fixture
def data_folder() -> Path:
    """The folder with the real data sets; tests that use it carry the marker `data`."""
    return Path(os.environ["LSTMKIT_DATA"])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what the machine cannot run, and say why."""
    for item in items:
        if item.get_closest_marker("data") and not os.environ.get("LSTMKIT_DATA"):
            item.add_marker(pytest.mark.skip(reason="LSTMKIT_DATA is not set; the real data sets are not at hand"))
        if item.get_closest_marker("root") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="mounts a small tmpfs, which needs root"))
