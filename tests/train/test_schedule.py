"""The learning rate over a run."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lstmkit.config.schema import TrainConfig
from lstmkit.train.loop import batch_size_of, epochs_of, steps_of
from lstmkit.train.schedule import learning_rate_at


@given(n_steps=st.integers(2, 500), peak=st.floats(1e-5, 1), warmup=st.floats(0.05, 0.9))
def test_rates_stay_between_nothing_and_the_peak(n_steps: int, peak: float, warmup: float) -> None:
    for schedule in ("constant", "one_cycle", "cosine"):
        rates = [
            learning_rate_at(k, n_steps, peak=peak, schedule=schedule, warmup_fraction=warmup)  # type: ignore[arg-type]
            for k in range(n_steps)
        ]
        assert all(0 <= rate <= peak * (1 + 1e-12) for rate in rates)
        top = rates.index(max(rates))
        assert rates[: top + 1] == sorted(rates[: top + 1])
        assert rates[top:] == sorted(rates[top:], reverse=True)


def test_one_cycle_is_torchs() -> None:
    n_steps, peak = 201, 0.3
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    # torch's phases end at step pct_start * total - 1; ours at warmup_fraction * total.
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, peak, total_steps=n_steps, pct_start=(0.3 * n_steps + 1) / n_steps, cycle_momentum=False,
        final_div_factor=10_000 / 25,
    )  # fmt: skip
    for step in range(n_steps):
        ours = learning_rate_at(step, n_steps, peak=peak, schedule="one_cycle", warmup_fraction=0.3)
        assert ours == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        optimizer.step()
        if step < n_steps - 1:
            theirs.step()


def test_cosine_by_hand() -> None:
    rates = [learning_rate_at(k, 5, peak=1.0, schedule="cosine", warmup_fraction=0.0) for k in range(5)]
    assert rates == pytest.approx([1.0, 0.853553390593, 0.5, 0.146446609407, 0.0])


@pytest.mark.parametrize(
    ("n_examples", "batch_size", "n_steps", "n_epochs"),
    [(30, 16, 2, 60), (180, 16, 12, 60), (2_700, 27, 100, 20), (6_400, 64, 100, 20), (60_000, 64, 938, 6)],
)
def test_what_is_left_to_the_size_of_the_data(n_examples: int, batch_size: int, n_steps: int, n_epochs: int) -> None:
    config = TrainConfig(epochs=0, batch_size=0)
    assert batch_size_of(config, n_examples) == batch_size
    assert steps_of(config, n_examples) == n_steps
    assert epochs_of(config, n_examples) == n_epochs
    assert steps_of(TrainConfig(batch_size=7), 15) == 3
