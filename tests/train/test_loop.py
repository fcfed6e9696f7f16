"""The loop: it learns, repeats itself bit for bit, stops on a loss that is not finite, and resumes to the same bits."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from lstmkit.config.schema import TrainConfig
from lstmkit.core.errors import ArtifactError, Interrupted, TrainingError
from lstmkit.core.records import Epoch
from lstmkit.core.signals import catching_signals
from lstmkit.data.encoded import EncodedPart
from lstmkit.models import Classifier
from lstmkit.train import train

Parts = tuple[EncodedPart, EncodedPart]


def network(seed: int = 0, n_classes: int = 2) -> Classifier:
    torch.manual_seed(seed)
    return Classifier(
        vocabulary_size=13,
        n_classes=n_classes,
        embedding_size=8,
        hidden_size=9,
        bidirectional=True,
        pooling="max_mean",
        word_dropout=0.1,
        head_dropout=0.2,
    )


def bits(model: Classifier) -> bytes:
    return b"".join(tensor.numpy().tobytes() for tensor in model.state_dict().values())


def bits_as_numbers(model: Classifier) -> np.ndarray:
    return np.concatenate([tensor.numpy().ravel().astype(np.float64) for tensor in model.state_dict().values()])


class StopAt:
    """A watch that sends a signal to this process after a given step."""

    def __init__(self, epoch: int, step: int) -> None:
        self.at = (epoch, step)

    def on_step(self, epoch: int, step: int, n_steps: int, loss: float, tokens_per_second: float) -> None:
        if (epoch, step) == self.at:
            os.kill(os.getpid(), signal.SIGTERM)

    def on_epoch(self, record: Epoch, history: list[Epoch]) -> None:
        pass


def same_but_for_time(one: list[Epoch], other: list[Epoch]) -> bool:
    def untimed(record: Epoch) -> dict[str, object]:
        return {k: v for k, v in record.as_json().items() if k not in ("seconds", "tokens_per_second")}

    return [untimed(record) for record in one] == [untimed(record) for record in other]


def test_it_learns_what_depends_on_the_first_token(parts: Parts, quiet) -> None:
    model = network()
    result = train(model, *parts, TrainConfig(epochs=12, learning_rate=0.02, batch_size=16), seed=0, watch=quiet)
    assert [record.epoch for record in quiet.records] == list(range(1, 13))
    assert max(record.valid_accuracy or 0 for record in result.history) > 0.9
    best = max(result.history, key=lambda record: (record.valid_accuracy or 0, -(record.valid_loss or 0)))
    assert result.best_epoch == best.epoch


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(parts: Parts, quiet) -> None:
    config = TrainConfig(epochs=2, batch_size=16, schedule="one_cycle")
    runs = []
    for seed in (5, 5, 6):
        model = network(seed)
        train(model, *parts, config, seed=seed, watch=quiet)
        runs.append(bits(model))
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


@pytest.mark.parametrize("stop", [(1, 1), (1, 10), (2, 3), (3, 10)], ids=str)
@pytest.mark.parametrize(("optimizer", "averaging"), [("adam", 0.0), ("adamw", 0.0), ("adam", 0.9)])
def test_a_run_that_was_stopped_ends_in_the_same_bits(
    parts: Parts, quiet, tmp_path: Path, stop: tuple[int, int], optimizer: str, averaging: float
) -> None:
    config = TrainConfig(
        epochs=3,
        batch_size=16,
        learning_rate=0.01,
        schedule="one_cycle",
        optimizer=optimizer,
        weight_decay=0.01,  # type: ignore[arg-type]
        averaging=averaging,
    )
    whole = network()
    expected = train(whole, *parts, config, seed=3, watch=quiet)

    checkpoint = tmp_path / "last.safetensors"
    with catching_signals(), pytest.raises(Interrupted) as stopped:
        train(network(), *parts, config, seed=3, watch=StopAt(*stop), checkpoint=checkpoint)
    assert stopped.value.exit_status == 143
    resumed = network(seed=99)  # its weights and torch's generator must come from the checkpoint
    result = train(resumed, *parts, config, seed=3, watch=quiet, checkpoint=checkpoint)
    assert bits(resumed) == bits(whole)
    assert same_but_for_time(result.history, expected.history)
    assert result.best_epoch == expected.best_epoch


def test_resuming_a_finished_run_trains_nothing(parts: Parts, quiet, tmp_path: Path) -> None:
    config = TrainConfig(epochs=2, batch_size=16)
    first = network()
    train(first, *parts, config, seed=0, watch=quiet, checkpoint=tmp_path / "c")
    n_steps = len(quiet.steps)
    again = network(seed=4)
    train(again, *parts, config, seed=0, watch=quiet, checkpoint=tmp_path / "c")
    assert len(quiet.steps) == n_steps
    assert bits(first) == bits(again)


@pytest.mark.parametrize("damage", ["truncated", "empty", "other network"])
def test_a_damaged_checkpoint_is_one_line(parts: Parts, quiet, tmp_path: Path, damage: str) -> None:
    checkpoint = tmp_path / "last.safetensors"
    config = TrainConfig(epochs=1, batch_size=16)
    train(network(), *parts, config, seed=0, watch=quiet, checkpoint=checkpoint)
    content = checkpoint.read_bytes()
    if damage != "other network":
        checkpoint.write_bytes(content[: len(content) // 2] if damage == "truncated" else b"")
    model = network(n_classes=3 if damage == "other network" else 2)
    with pytest.raises(ArtifactError, match=r"last.safetensors: cannot be resumed from \(.+\); train again") as error:
        train(model, *parts, config, seed=0, watch=quiet, checkpoint=checkpoint)
    assert "\n" not in str(error.value)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_checkpoint(
    parts: Parts, quiet, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "last.safetensors"

    class Poison:
        def on_step(self, epoch: int, step: int, n_steps: int, loss: float, tokens_per_second: float) -> None:
            if (epoch, step) == (2, 3):
                with torch.no_grad():
                    model.head.weight.fill_(float("nan"))

        def on_epoch(self, record: Epoch, history: list[Epoch]) -> None:
            pass

    model = network()
    config = TrainConfig(epochs=3, batch_size=16)
    with pytest.raises(TrainingError, match=r"epoch 2, batch 4 of 10: .*not finite; try a lower train.learning_rate"):
        train(model, *parts, config, seed=0, watch=Poison(), checkpoint=checkpoint)
    resumed = network()
    result = train(resumed, *parts, config, seed=0, watch=quiet, checkpoint=checkpoint)
    assert len(result.history) == 3
    assert np.isfinite(resumed.head.weight.detach().numpy()).all()


def test_a_validation_loss_that_is_not_finite_stops_before_the_checkpoint(parts: Parts, tmp_path: Path) -> None:
    """The last step of an epoch can overflow the weights, and no training loss of that epoch shows it."""
    model = network()

    class Poison:
        def on_step(self, epoch: int, step: int, n_steps: int, loss: float, tokens_per_second: float) -> None:
            if step == n_steps:
                with torch.no_grad():
                    model.head.weight.fill_(float("nan"))

        def on_epoch(self, record: Epoch, history: list[Epoch]) -> None:
            pass

    checkpoint = tmp_path / "last.safetensors"
    with pytest.raises(TrainingError, match=r"epoch 1, after its last batch: the validation loss is not finite"):
        train(model, *parts, TrainConfig(epochs=2, batch_size=16), seed=0, watch=Poison(), checkpoint=checkpoint)
    assert not checkpoint.exists()


def test_the_mean_of_the_weights_is_what_is_kept(parts: Parts, quiet) -> None:
    """By hand: the mean after each step of an epoch, from a watch that sees the weights."""
    model = network()
    mean = bits_as_numbers(model)

    class Mean:
        def on_step(self, epoch: int, step: int, n_steps: int, loss: float, tokens_per_second: float) -> None:
            nonlocal mean
            decay = min(0.7, step / (9 + step))
            mean = decay * mean + (1 - decay) * bits_as_numbers(model)

        def on_epoch(self, record: Epoch, history: list[Epoch]) -> None:
            pass

    config = TrainConfig(epochs=1, batch_size=16, averaging=0.7, learning_rate=0.02)
    train(model, *parts, config, seed=0, watch=Mean())
    assert np.abs(bits_as_numbers(model) - mean).max() < 1e-6


def test_early_stopping_keeps_the_best_epoch(parts: Parts, quiet) -> None:
    config = TrainConfig(epochs=40, batch_size=16, learning_rate=0.05, early_stopping=2)
    result = train(network(), *parts, config, seed=0, watch=quiet)
    assert len(result.history) == result.best_epoch + 2 < 40


def test_class_weights_count_classes_inversely(parts: Parts, quiet) -> None:
    """On labels that are noise, 9 to 1, plain training says the frequent class; balanced training cannot."""
    train_part, valid_part = parts
    random = np.random.default_rng(0)
    noise = EncodedPart(train_part.rows, train_part.offsets, (random.random(len(train_part)) < 0.1).astype(np.int64))
    shares = {}
    for weights in ("none", "balanced"):
        model = network()
        config = TrainConfig(epochs=6, batch_size=50, learning_rate=0.01, class_weights=weights)  # type: ignore[arg-type]
        train(model, noise, None, config, seed=0, watch=quiet)
        from lstmkit.models.scoring import probabilities

        shares[weights] = probabilities(model, valid_part)[:, 1].mean()
    assert shares["none"] < 0.2
    assert 0.3 < shares["balanced"] < 0.7


def test_without_validation_the_last_epoch_is_kept(parts: Parts, quiet) -> None:
    result = train(network(), parts[0], None, TrainConfig(epochs=5, batch_size=16), seed=0, watch=quiet, n_epochs=2)
    assert result.best_epoch == 2
    assert all(record.valid_loss is None for record in result.history)


def test_the_last_epoch_is_kept_where_asked_for(parts: Parts, quiet) -> None:
    config = TrainConfig(epochs=4, batch_size=16, learning_rate=0.1, early_stopping=1, select_by="last")
    train_part, valid_part = parts
    contrary = EncodedPart(valid_part.rows, valid_part.offsets, 1 - valid_part.labels)  # learning makes it worse
    watched = network()
    result = train(watched, train_part, contrary, config, seed=0, watch=quiet)
    history = [record.valid_accuracy or 0.0 for record in result.history]
    assert (result.best_epoch, len(history)) == (4, 4)
    assert max(history) > history[-1]  # there was a better one
    unwatched = network()
    train(unwatched, train_part, None, config, seed=0, watch=quiet)
    assert bits(watched) == bits(unwatched)
