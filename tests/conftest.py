"""What every test shares: shapes checked at run time, a cache of its own, real data only where it is."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

if n_workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
    # Workers that each take all cores stand in each other's way. Read by torch when it is first imported.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // n_workers)))

pytest.register_assert_rewrite("browsing")  # so that its assertions tell what they saw

import browsing  # noqa: E402

# Shapes in signatures are checked under pytest (and only there: users pay nothing for it).
install_import_hook(
    [
        *("lstmkit.ragged", "lstmkit.nn", "lstmkit.models", "lstmkit.train", "lstmkit.analyze", "lstmkit.evaluate"),
        *("lstmkit.data.audio", "lstmkit.data.augment", "lstmkit.data.tasks"),
        *("lstmkit.experiment.probe.network", "lstmkit.stream.stack", "lstmkit.stream.native"),
        *("lstmkit.stream.memory", "lstmkit.stream.model", "lstmkit.stream.recent", "lstmkit.stream.forecast"),
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


@pytest.fixture(scope="module")
def opener() -> Iterator[browsing.Opener]:
    """A browser for the tests of one file. Not for the session: asyncio runs in this thread as long as it is open."""
    with browsing.a_browser() as browser:
        yield browsing.Opener(browser)


@pytest.fixture
def browse(opener: browsing.Opener) -> Iterator[browsing.Opener]:
    """Open pages by `browse(path, width=400, dark=True)`; a console error or a request of any of them is a failure."""
    yield opener
    assert opener.close() == []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what the machine cannot run, and say why."""
    browserless = browsing.find_chromium() is None and os.environ.get("LSTMKIT_BROWSER") != "require"
    for item in items:
        if item.get_closest_marker("browser") and browserless:
            item.add_marker(pytest.mark.skip(reason=browsing.MISSING))
        if item.get_closest_marker("data") and not os.environ.get("LSTMKIT_DATA"):
            item.add_marker(pytest.mark.skip(reason="LSTMKIT_DATA is not set; the real data sets are not at hand"))
        if item.get_closest_marker("root") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="mounts a small tmpfs, which needs root"))
