"""What single keys of the loop do, by hand: label smoothing, weight decay, clipping."""

import pytest
import torch
from torch import Tensor

from lstmkit.config.schema import TrainConfig
from lstmkit.data.batching import collate
from lstmkit.data.encoded import EncodedPart
from lstmkit.models import Classifier
from lstmkit.train import train
from lstmkit.train.loop import train_step

Parts = tuple[EncodedPart, EncodedPart]
_ABSENT = 13  # a token that occurs in no sequence, so that no gradient reaches its row


def network() -> Classifier:
    torch.manual_seed(0)
    return Classifier(vocabulary_size=14, n_classes=2, embedding_size=8, hidden_size=9)


def whole(part: EncodedPart) -> tuple[Tensor, Tensor]:
    """Logits of the untrained network, and the labels."""
    batch, labels = collate(part, torch.arange(len(part)).numpy())
    with torch.no_grad():
        return network()(batch), labels


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_label_smoothing_spreads_a_share_over_all_classes(parts: Parts, quiet, smoothing: float) -> None:
    part, _ = parts
    logits, labels = whole(part)
    log = logits.log_softmax(1)
    own, mean = log[torch.arange(len(labels)), labels], log.mean(1)
    expected = -((1 - smoothing) * own + smoothing * mean).mean()
    config = TrainConfig(epochs=1, batch_size=len(part), label_smoothing=smoothing)
    result = train(network(), part, None, config, seed=0, watch=quiet)
    assert result.history[0].train_loss == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize(
    ("optimizer", "decay", "kept"), [("adamw", 0.5, 0.95), ("adamw", 0.0, 1.0), ("adam", 0.0, 1.0)]
)
def test_adamw_shrinks_what_no_gradient_reaches(parts: Parts, quiet, optimizer: str, decay: float, kept: float) -> None:
    part, _ = parts
    model = network()
    before = model.embedding.weight[_ABSENT].detach().clone()
    config = TrainConfig(epochs=3, batch_size=len(part), learning_rate=0.1, optimizer=optimizer, weight_decay=decay)  # type: ignore[arg-type]
    train(model, part, None, config, seed=0, watch=quiet)
    torch.testing.assert_close(model.embedding.weight[_ABSENT].detach(), before * kept**3)


@pytest.mark.parametrize(("clip_norm", "step"), [(0.01, 0.01), (0.0, None), (1e6, None)])
def test_a_gradient_is_cut_to_the_norm_and_0_leaves_it(parts: Parts, clip_norm: float, step: float | None) -> None:
    model = network()
    before = torch.nn.utils.parameters_to_vector(model.parameters()).detach().clone()
    batch, labels = collate(parts[0], torch.arange(50).numpy())
    torch.nn.functional.cross_entropy(model(batch), labels).backward()
    grads = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    own = torch.nn.utils.get_total_norm([grad.to_dense() if grad.is_sparse else grad for grad in grads])
    assert own > 0.05
    plain = torch.optim.SGD(model.parameters(), lr=1.0)  # whose step is the gradient itself
    train_step(model, plain, torch.nn.functional.cross_entropy, batch, labels, clip_norm)
    moved = torch.nn.utils.parameters_to_vector(model.parameters()).detach() - before
    assert float(moved.norm()) == pytest.approx(step or float(own), rel=1e-3)
