"""Integrated gradients: complete, in agreement with Captum and with a case by hand, and honest where they cannot be."""

import captum.attr
import numpy as np
import pytest
import torch
from torch import Tensor
from traced_toys import CELLS, POOLINGS, network

from lstmkit.analyze import attribution
from lstmkit.analyze.attribution import integrated_gradients, log_odds
from lstmkit.ragged import Layout, Ragged

TOKENS = np.array([3, 1, 4, 1, 5, 9, 2, 6], dtype=np.int32)


def test_log_odds_are_the_logit_of_the_probability() -> None:
    logits = torch.randn(5, 4, dtype=torch.float64)
    p = logits.softmax(1)
    torch.testing.assert_close(log_odds(logits), torch.log(p / (1 - p)))
    torch.testing.assert_close(log_odds(logits + 7), log_odds(logits))


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_the_sum_is_the_difference(cell: str, pooling: str) -> None:
    bidirectional = pooling in ("mean", "max_mean")
    model = network(torch.float32, cell=cell, pooling=pooling, bidirectional=bidirectional)
    found = integrated_gradients(model, TOKENS, [2, 0])
    assert found.values.shape == (2, len(TOKENS))
    assert found.is_complete.all()
    ends = [model(Ragged.from_sequences([torch.from_numpy(ids).long()])) for ids in (TOKENS, 0 * TOKENS)]
    (at_input,), (at_baseline,) = (log_odds(end)[:, [2, 0]].detach().numpy() for end in ends)
    np.testing.assert_allclose(found.at_input, at_input, atol=1e-5)
    np.testing.assert_allclose(found.at_baseline, at_baseline, atol=1e-5)
    np.testing.assert_allclose(found.values.sum(1), at_input - at_baseline, rtol=0.01, atol=0.001)


@pytest.mark.parametrize("cell", CELLS)
def test_captum_agrees(cell: str) -> None:
    model = network(torch.float64, cell=cell, pooling="mean", bidirectional=True)

    def forward(embedded: Tensor) -> Tensor:
        layout = Layout(torch.full((len(embedded),), len(TOKENS)))
        rows = embedded.transpose(0, 1).reshape(layout.n_rows, -1)
        return log_odds(model.read_embedded(Ragged(rows, layout, torch.arange(len(embedded)))))

    with torch.no_grad():
        embedded = model.embedding(torch.from_numpy(TOKENS).long())[None]
        baseline = model.embedding(torch.zeros(1, len(TOKENS), dtype=torch.int64))
    captums = captum.attr.IntegratedGradients(forward)
    for number in range(3):
        wanted = captums.attribute(embedded, baseline, target=number, n_steps=100, method="gausslegendre")
        found = integrated_gradients(model, TOKENS, [number]).values[0]
        # Each is within 1% of the sum by itself; on so smooth a path both are far closer.
        np.testing.assert_allclose(found, wanted.sum(2)[0].numpy(), atol=1e-4 * np.abs(found).sum())


def test_a_case_by_hand() -> None:
    # One unit, no recurrence, states pooled by their mean, small enough that tanh is a line: then a token's attribution
    # is its own share of the mean, w * (x_t - b) / T, in both logits with opposite signs.
    model = network(torch.float64, cell="rnn", pooling="mean", n_classes=2, embedding_size=1, hidden_size=1)
    with torch.no_grad():
        for name, parameter in model.recurrence.named_parameters():
            parameter.fill_(1e-4 if name.startswith("weight_ih") else 0)
        model.head.weight.copy_(torch.tensor([[3e4], [-1e4]]))
    x = model.embedding.weight.detach()[:, 0].numpy()
    found = integrated_gradients(model, TOKENS, [0, 1])
    wanted = (3e4 + 1e4) * 1e-4 * (x[TOKENS] - x[0]) / len(TOKENS)
    np.testing.assert_allclose(found.values, [wanted, -wanted], rtol=1e-6)
    assert found.n_steps.tolist() == [16, 16]


def test_a_path_with_a_jump_is_followed() -> None:
    # A latch: the state flips within a hair's breadth of the path, where evenly spaced points see nothing of it.
    model = network(torch.float64, cell="rnn", n_classes=2, embedding_size=1, hidden_size=1)
    with torch.no_grad():
        for name, parameter in model.recurrence.named_parameters():
            parameter.fill_({"weight_ih": 1.0, "weight_hh": 4.0}.get(name[:9], 0))
        model.recurrence.get_parameter("bias_ih_l0").fill_(-0.3)
        model.embedding.weight.copy_(torch.linspace(0, 1, 10)[:, None])
        model.head.weight.copy_(torch.tensor([[1.0], [-1.0]]))
        model.head.bias.zero_()
    tokens = np.full(12, 9, dtype=np.int32)
    found = integrated_gradients(model, tokens, [0])
    assert found.is_complete.all()
    assert found.n_steps[0] > 32
    assert found.difference[0] > 3


def test_what_cannot_be_followed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribution, "MOST_STEPS", 48)
    model = network(torch.float32, cell="rnn")
    with torch.no_grad():
        for name, parameter in model.recurrence.named_parameters():
            parameter.mul_(40 if name.startswith("weight") else 1)
    found = integrated_gradients(model, TOKENS, [0, 1, 2])
    assert not found.is_complete.all()
    assert (found.n_steps <= 48).all()


def test_unknown_tokens_alone_have_nothing_to_attribute() -> None:
    found = integrated_gradients(network(torch.float32), np.zeros(5, dtype=np.int32), [1])
    assert (found.values == 0).all()
    assert found.difference == 0
    assert found.error == 0
    assert found.is_complete


def test_it_works_without_gradients_and_leaves_none() -> None:
    model = network(torch.float32)
    wanted = integrated_gradients(model, TOKENS, [0]).values
    with torch.inference_mode():
        np.testing.assert_array_equal(integrated_gradients(model, TOKENS, [0]).values, wanted)
    assert all(parameter.grad is None for parameter in model.parameters())
