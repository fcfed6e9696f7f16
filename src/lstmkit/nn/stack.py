"""Layers on top of each other, and what a first layer reads: rows of features, or tokens."""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

from lstmkit.nn import native
from lstmkit.nn.engines import EngineChoice
from lstmkit.nn.keeping import kept_now
from lstmkit.nn.layers import Results, State, Weights
from lstmkit.nn.workspace import empty
from lstmkit.ragged import Layout

FirstLayer = Callable[[list[Weights], State | None], Results]
"""The lowest layer, given its weights and where its sequences begin."""


def run_stack(
    first: FirstLayer,
    engine: EngineChoice,
    layout: Layout,
    weights: list[list[Weights]],
    state: State | None,
    *,
    dropout: float,
    training: bool,
    wants_ends: bool,
) -> Results:
    """All layers, each reading the states of the one below.

    Args:
        first: runs the lowest layer.
        engine: runs the others.
        layout: where each step of each sequence lies.
        weights: by layer and direction.
        state: `h_0, c_0`, each `(layers * directions, batch, hidden)`, longest sequence first; None: zeros.
        dropout: share of values dropped between layers.
        training: whether any are.
        wants_ends: see `lstmkit.nn.layers.LayerRun`.
    """
    n = len(weights[0])
    starts = [
        None if state is None else (state[0][k : k + n], state[1][k : k + n]) for k in range(0, n * len(weights), n)
    ]
    found = [first(weights[0], starts[0])]
    for own, start in zip(weights[1:], starts[1:], strict=True):
        below = nn.functional.dropout(found[-1][0], dropout, training)
        found.append(engine.layer(below, None, layout, own, start, wants_ends=wants_ends))
    states = found[-1][0]
    if not wants_ends:
        return states, None, None
    if len(found) == 1:
        return found[0]
    h_n, c_n = (torch.cat([cast(Tensor, results[k]) for results in found]) for k in (1, 2))
    return states, h_n, c_n


def reading_rows(engine: EngineChoice, inputs: Tensor, layout: Layout, wants_ends: bool) -> FirstLayer:
    """A first layer over rows of features `(rows, features)`."""
    return lambda weights, state: engine.layer(inputs, None, layout, weights, state, wants_ends=wants_ends)


def reading_tokens(
    engine: EngineChoice,
    tokens: Tensor,
    embedding: nn.Embedding,
    layout: Layout,
    wants_ends: bool,
    *,
    biased: bool = True,
) -> FirstLayer:
    """A first layer over tokens.

    What the gates receive of a token, `weight_ih @ embedding[token] + biases`, depends on the token alone. It is made
    once for each distinct token of a batch. Where no gradient is wanted and weights are frozen (`frozen_weights`), the
    whole vocabulary's is made and kept, as soon as the batches have had as many distinct tokens as that takes.

    Args:
        engine: runs it.
        tokens: int64 `(rows,)`.
        embedding: turns a token into features.
        layout: where each step of each sequence lies.
        wants_ends: see `lstmkit.nn.layers.LayerRun`.
        biased: whether the biases are parameters, and not zeros that are made for every call.

    Raises:
        IndexError: a token is outside the embedding.
    """

    def run(weights: list[Weights], state: State | None) -> Results:
        if engine.name == "torch":
            return engine.layer(embedding(tokens), None, layout, weights, state, wants_ends=wants_ends)
        if engine.name == "reference" and torch._C._are_functorch_transforms_active():
            return engine.layer(embedding(tokens), None, layout, weights, state, wants_ends=wants_ends)
        kept = kept_now() if engine.name == "native" and not torch.is_grad_enabled() else None
        table = None
        if kept is not None and embedding.max_norm is None:
            made_of = [embedding.weight, *(tensor for group in weights for tensor in group[: 4 if biased else 2])]
            table = kept.table(made_of)
            if table.rows is not None:
                low, high = tokens.aminmax()
                if int(low) < 0 or int(high) >= embedding.num_embeddings:
                    raise IndexError(f"a token is outside 0..{embedding.num_embeddings - 1}")
                return _look_up(table.rows, tokens, layout, weights, state)
        found, rows = _distinct(tokens, embedding.num_embeddings, engine.name)
        if table is not None:
            table.n_made += len(found)
            if table.n_made >= embedding.num_embeddings:
                table.rows = native.table_of(embedding.weight.detach(), weights)
                return _look_up(table.rows, tokens, layout, weights, state)
        inputs = _rows_of(embedding, found) if engine.name == "native" else embedding(found)
        return engine.layer(inputs, rows, layout, weights, state, wants_ends=wants_ends)

    return run


def _look_up(table: Tensor, tokens: Tensor, layout: Layout, weights: list[Weights], state: State | None) -> Results:
    return native.recur(table, tokens.int(), layout, [group[1] for group in weights], state)


class _Rows(torch.autograd.Function):
    """Distinct rows of a matrix, in memory that is used again."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, places: Tensor, sparse: bool) -> Tensor:
        ctx.save_for_backward(places)
        ctx.shape, ctx.sparse = matrix.shape, sparse
        out = empty(len(places), matrix.shape[1], dtype=matrix.dtype)
        return torch.index_select(matrix, 0, places, out=out)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (places,) = ctx.saved_tensors
        if ctx.sparse:
            return torch.sparse_coo_tensor(places[None], grads[0], ctx.shape, check_invariants=False), None, None
        return grads[0].new_zeros(ctx.shape).index_copy(0, places, grads[0]), None, None


def _rows_of(embedding: nn.Embedding, distinct: Tensor) -> Tensor:
    """`embedding(distinct)` for tokens that occur once each."""
    if embedding.padding_idx is not None or embedding.max_norm is not None or embedding.scale_grad_by_freq:
        return embedding(distinct)
    return _Rows.apply(embedding.weight, distinct, embedding.sparse)


def _distinct(tokens: Tensor, vocabulary: int, engine: str) -> tuple[Tensor, Tensor]:
    """Distinct tokens, int64, and for each token its number among them, int32."""
    if engine == "native":
        return native.distinct(tokens, vocabulary)
    found, rows = torch.unique(tokens, return_inverse=True)
    return found, rows.int()
