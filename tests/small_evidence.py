"""A lab's evidence at a size for tests that are about something else."""

from dataclasses import replace

import pytest


def shorten_evidence(patch: pytest.MonkeyPatch) -> None:
    """Have `lstmkit lab` measure a memory horizon at one lag, with networks of four units."""
    from lstmkit.experiment import evidence

    small = replace(evidence.MEMORY, lags=(10,), steps=2, hidden_size=4, n_valid=16, n_test=16, validate_every=2)
    patch.setattr(evidence, "MEMORY", replace(small, settings=small.settings[:1]))
