"""The presets' networks written by hand in PyTorch, as a user would: the peer of `imdb_epoch.py`."""

import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from lstmkit.config.schema import Config
from lstmkit.data.encoded import EncodedPart
from lstmkit.data.encoder import UNKNOWN_ID


class HandWritten(nn.Module):
    """Embedding, `nn.LSTM`, pooling over valid states alone, fully connected.

    Padded, the backward direction of a bidirectional network reads a sequence's padding first: what it says is not
    exact, and `packed` is the cure. The time is that of an honest run all the same.

    Args:
        config: sizes and dropout.
        vocabulary_size: tokens; one more stands for padding.
        packed: whether the LSTM gets a `PackedSequence`.
    """

    def __init__(self, config: Config, vocabulary_size: int, packed: bool) -> None:
        super().__init__()
        model = config.model
        self.model, self.vocabulary_size, self.packed = model, vocabulary_size, packed
        self.embedding = nn.Embedding(vocabulary_size + 1, model.embedding_size, padding_idx=vocabulary_size)
        nn.init.normal_(self.embedding.weight, std=model.embedding_std)
        self.lstm = nn.LSTM(
            model.embedding_size, model.hidden_size, model.num_layers, bidirectional=model.bidirectional
        )
        n_states = model.hidden_size * (2 if model.bidirectional else 1)
        self.head = nn.Linear(n_states * (2 if model.pooling == "max_mean" else 1), 2)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Logits for `(time, batch)` tokens, longest sequence first."""
        if self.model.word_dropout:
            dropped = torch.rand(self.vocabulary_size + 1) < self.model.word_dropout
            dropped[-1] = False
            tokens = tokens.masked_fill(dropped[tokens], UNKNOWN_ID)
        embedded = self.embedding(tokens)
        if self.packed:
            states = pad_packed_sequence(self.lstm(pack_padded_sequence(embedded, lengths))[0])[0]
        else:
            states = self.lstm(embedded)[0]
        pooled = nn.functional.dropout(self._pool(states, lengths), self.model.head_dropout, self.training)
        return self.head(pooled)

    def _pool(self, states: Tensor, lengths: Tensor) -> Tensor:
        if self.model.pooling == "last":
            return states[lengths - 1, torch.arange(len(lengths))]
        padding = (torch.arange(len(states))[:, None] >= lengths)[:, :, None]
        largest = states.masked_fill(padding, -torch.inf).amax(0)
        return torch.cat([largest, states.masked_fill(padding, 0).sum(0) / lengths[:, None]], 1)


def epoch(
    config: Config, part: EncodedPart, batches: Sequence[np.ndarray], vocabulary_size: int, packed: bool
) -> dict[str, float]:
    """Train on the batches, one after the other, as lstmkit's trainer does: Adam, clipping, averaging.

    Returns:
        `seconds`, `loss` (the mean), `tokens`.
    """
    torch.manual_seed(config.seed)
    network = HandWritten(config, vocabulary_size, packed)
    optimizer = torch.optim.Adam(network.parameters(), lr=config.train.learning_rate, fused=True)
    criterion = nn.CrossEntropyLoss()
    mean = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    loss_sum, n_tokens = 0.0, 0
    started_s = time.perf_counter()
    for chosen in batches:
        tokens, lengths, labels = _collate(part, chosen, vocabulary_size)
        loss = criterion(network(tokens, lengths), labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), config.train.clip_norm)
        optimizer.step()
        if config.train.averaging:
            with torch.no_grad():
                for name, tensor in network.state_dict().items():
                    mean[name].lerp_(tensor, 1 - config.train.averaging)
        loss_sum += loss.item()
        n_tokens += int(lengths.sum())
    seconds = time.perf_counter() - started_s
    return {"seconds": seconds, "loss": loss_sum / len(batches), "tokens": n_tokens}


def _collate(part: EncodedPart, chosen: np.ndarray, padding_id: int) -> tuple[Tensor, Tensor, Tensor]:
    chosen = chosen[np.argsort(-part.lengths[chosen], kind="stable")]
    sequences = [torch.from_numpy(part.rows[part.offsets[k] : part.offsets[k + 1]].astype(np.int64)) for k in chosen]
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    return pad_sequence(sequences, padding_value=padding_id), lengths, torch.from_numpy(part.labels[chosen])
