"""Labs and runs drawn once for the whole session; a test that alters records writes its own."""

from pathlib import Path

import fake_analysis
import fake_comparison
import fake_lab
import fake_probe
import fake_records
import pytest

from lstmkit.report import draw_analysis, draw_compare, draw_lab, draw_probe, draw_run


@pytest.fixture(scope="session")
def imdb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn lab with two labels and texts."""
    folder = fake_records.write_lab(tmp_path_factory.mktemp("imdb"))
    draw_lab(folder)
    return folder


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn lab with ten labels and sequences of 64 grey levels."""
    folder = fake_records.digits_lab(tmp_path_factory.mktemp("digits"))
    draw_lab(folder)
    return folder


@pytest.fixture(scope="session")
def banking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn run with 77 labels, both directions, and a dropout before the head."""
    folder = fake_records.banking_run(tmp_path_factory.mktemp("banking"))
    draw_run(folder)
    return folder


@pytest.fixture(scope="session")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn comparison of three seeds, with texts of many lengths."""
    folder = fake_comparison.write_comparison(tmp_path_factory.mktemp("comparison"))
    draw_compare(folder)
    return folder


@pytest.fixture(scope="session")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn probe of two tasks."""
    folder = fake_probe.write_probe(tmp_path_factory.mktemp("probe"))
    draw_probe(folder)
    return folder


@pytest.fixture(scope="session")
def analysis(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn analysis of an LSTM and an RNN."""
    folder = fake_analysis.write(tmp_path_factory.mktemp("analysis"), fake_analysis.analysis())
    draw_analysis(folder)
    return folder


@pytest.fixture(scope="session")
def evident(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn lab of texts with all evidence: an analysis, a probe, two explanations, a claim of each verdict."""
    folder = fake_records.write_lab(tmp_path_factory.mktemp("evident"))
    fake_lab.write_evidence(folder)
    draw_lab(folder)
    return folder
