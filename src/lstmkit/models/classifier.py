"""The classifier: Embedding -> recurrence -> pooling -> fully connected."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lstmkit.data.encoder import UNKNOWN_ID
from lstmkit.models.pooling import Pooling, pool
from lstmkit.nn import Recurrence, choose_engine
from lstmkit.nn.recurrence import Initialization
from lstmkit.ragged import Ragged


class Classifier(nn.Module):
    """A sequence classifier over tokens. A prediction depends on its own sequence alone.

    Args:
        vocabulary_size: tokens, the unknown one (number 0) included.
        n_classes: classes.
        cell: lstm, gru or rnn.
        embedding_size: features per token.
        embedding_std: standard deviation of the embedding's initial values.
        hidden_size: units of each layer and direction.
        num_layers: recurrent layers.
        bidirectional: read each sequence from both ends.
        pooling: last, mean, max or max_mean.
        word_dropout: share of the vocabulary that each training batch sees as the unknown token
            (Gal and Ghahramani 2016, section 4.2: by type, all occurrences together).
        word_dropout_length: mean length of a batch under which fewer words are dropped, in proportion: a short
            text has few words to spare.
        layer_dropout: dropout between layers.
        head_dropout: dropout before the fully connected layer.
        forget_bias, initialization, chrono_length: see `Recurrence`.
        engine: see `Recurrence`.
    """

    def __init__(
        self,
        *,
        vocabulary_size: int,
        n_classes: int,
        cell: Literal["lstm", "gru", "rnn"] = "lstm",
        embedding_size: int = 128,
        embedding_std: float = 1.0,
        hidden_size: int = 128,
        num_layers: int = 1,
        bidirectional: bool = False,
        pooling: Pooling = "last",
        word_dropout: float = 0.0,
        word_dropout_length: int = 32,
        layer_dropout: float = 0.0,
        head_dropout: float = 0.0,
        forget_bias: float = 1.0,
        initialization: Initialization = "standard",
        chrono_length: int = 0,
        engine: str = "auto",
    ) -> None:
        super().__init__()
        self.pooling: Pooling = pooling
        self.word_dropout = word_dropout
        self.word_dropout_length = word_dropout_length
        self.head_dropout = head_dropout
        # Rows that a batch does not touch have no gradient, where the engine reads each distinct token once.
        sparse = choose_engine(engine, cell).name == "native"
        self.embedding = nn.Embedding(vocabulary_size, embedding_size, sparse=sparse)
        nn.init.normal_(self.embedding.weight, std=embedding_std)
        # Drawn before the recurrence, so that networks of one seed that differ in the cell share embedding and head.
        n_directions = 2 if bidirectional else 1
        head = nn.Linear(hidden_size * n_directions * (2 if pooling == "max_mean" else 1), n_classes)
        self.recurrence = Recurrence(
            cell,
            embedding_size,
            hidden_size,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=layer_dropout,
            forget_bias=forget_bias,
            initialization=initialization,
            chrono_length=chrono_length,
            engine=engine,
        )
        self.head = head

    def forward(self, batch: Ragged) -> Float[Tensor, "batch classes"]:
        """Logits for a ragged batch of token numbers, in the order in which its sequences were given."""
        tokens = self._drop_words(batch) if self.training else batch.rows
        return self._answer(self.recurrence.read_tokens(tokens, self.embedding, batch.layout), batch)

    def read_embedded(self, batch: Ragged) -> Float[Tensor, "batch classes"]:
        """The same for tokens that are embedded already, `(rows, embedding)`, so that a gradient can reach them."""
        return self._answer(self.recurrence(batch.rows, batch.layout), batch)

    def n_parameters(self) -> dict[str, int]:
        """Number of parameters by part, and in all."""
        parts = {
            name: sum(parameter.numel() for parameter in module.parameters()) for name, module in self.named_children()
        }
        return parts | {"total": sum(parts.values())}

    def _answer(self, states: Tensor, batch: Ragged) -> Tensor:
        pooled = pool(states, batch.layout, self.pooling, self.recurrence.bidirectional)
        pooled = nn.functional.dropout(pooled, self.head_dropout, self.training)
        return batch.to_given_order(self.head(pooled))

    def _drop_words(self, batch: Ragged) -> Tensor:
        tokens = batch.rows
        if not self.word_dropout:
            return tokens
        mean_length = len(tokens) / batch.layout.n_sequences
        share = self.word_dropout * min(1.0, mean_length / self.word_dropout_length)
        dropped = torch.rand(self.embedding.num_embeddings, device=tokens.device) < share
        return tokens.masked_fill(dropped[tokens], UNKNOWN_ID)
