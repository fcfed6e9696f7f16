"""The classifier: embedding or projection -> recurrence -> pooling -> fully connected."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lstmkit.data.encoder import UNKNOWN_ID
from lstmkit.models.pooling import Pooling, pool
from lstmkit.nn import Linear, Recurrence, choose_engine
from lstmkit.nn.recurrence import Initialization
from lstmkit.ragged import Layout, Ragged


class Classifier(nn.Module):
    """A sequence classifier over tokens or numeric rows. A prediction depends on its own sequence alone.

    Args:
        n_classes: classes.
        vocabulary_size: tokens, the unknown one (number 0) included; 0 for a network over numeric rows.
        n_features: numbers in a row, which a linear projection takes to `embedding_size`; 0 for one over tokens.
        cell: lstm, gru or rnn.
        embedding_size: features per token or step, as the recurrence reads them.
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
        n_classes: int,
        vocabulary_size: int = 0,
        n_features: int = 0,
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
        self.vocabulary_size = vocabulary_size
        self.n_features = n_features
        self.pooling: Pooling = pooling
        self.word_dropout = word_dropout
        self.word_dropout_length = word_dropout_length
        self.head_dropout = head_dropout
        if n_features:
            self.embedding = Linear(n_features, embedding_size, cell=cell, engine=engine)
        else:
            # Rows that a batch does not touch have no gradient, where the engine reads each distinct token once.
            sparse = choose_engine(engine, cell).name == "native"
            self.embedding = nn.Embedding(vocabulary_size, embedding_size, sparse=sparse)
            nn.init.normal_(self.embedding.weight, std=embedding_std)
        # Drawn before the recurrence, so that networks of one seed that differ in the cell share embedding and head.
        n_directions = 2 if bidirectional else 1
        n_pooled = hidden_size * n_directions * (2 if pooling == "max_mean" else 1)
        head = Linear(n_pooled, n_classes, cell=cell, engine=engine)
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
        """Logits for a ragged batch of token numbers or rows, in the order in which its sequences were given."""
        rows = self._drop_words(batch) if self._drops_words else batch.rows
        return self._answer(self.states(rows, batch.layout), batch)

    def states(self, rows: Tensor, layout: Layout) -> Float[Tensor, "rows states"]:
        """The recurrence's state after each step of token numbers `(rows,)` or numeric rows `(rows, features)`."""
        if isinstance(self.embedding, nn.Embedding):
            return self.recurrence.read_tokens(rows, self.embedding, layout)
        return self.recurrence(self.embed(rows), layout)

    def embed(self, rows: Tensor) -> Float[Tensor, "rows embedding"]:
        """Token numbers or numeric rows as the recurrence reads them, in the network's precision."""
        if isinstance(self.embedding, nn.Embedding):
            return self.embedding(rows)
        return self.embedding(rows.to(self.embedding.weight.dtype))

    def read_embedded(self, batch: Ragged) -> Float[Tensor, "batch classes"]:
        """The same for steps that are embedded already, `(rows, embedding)`, so that a gradient can reach them."""
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

    @property
    def _drops_words(self) -> bool:
        return self.training and self.word_dropout > 0 and isinstance(self.embedding, nn.Embedding)

    def _drop_words(self, batch: Ragged) -> Tensor:
        tokens = batch.rows
        mean_length = len(tokens) / batch.layout.n_sequences
        share = self.word_dropout * min(1.0, mean_length / self.word_dropout_length)
        dropped = torch.rand(self.vocabulary_size, device=tokens.device) < share
        return tokens.masked_fill(dropped[tokens], UNKNOWN_ID)
