"""Fixtures for the commands."""

from pathlib import Path

import pytest
from small_runs import Command, Outcome, write_reviews

from lstmkit.cli.main import run
from small_evidence import shorten_evidence


@pytest.fixture
def lstmkit(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run one command line in an empty working folder."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    shorten_evidence(monkeypatch)

    def command(*arguments: object) -> Outcome:
        capfd.readouterr()
        status = run([str(argument) for argument in arguments])
        return Outcome(status, *capfd.readouterr())

    return command


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    """A CSV of 120 reviews whose label one word tells."""
    return write_reviews(tmp_path / "reviews.csv")
