"""The three subjects of `engine.py`, each with the same weights and the same batch, and the recurrence alone."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from shapes import Shape
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence, pad_sequence

from lstmkit.nn import LSTM, TokenLSTM, native
from lstmkit.ragged import Ragged

Run = Callable[[], object]
State = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Batch:
    """A batch in the two forms that `torch.nn.LSTM` takes, and gradients of all its valid states.

    Attributes:
        padded: `(time, batch)` tokens or `(time, batch, features)`.
        packed: the same.
        lengths: of each sequence, longest first.
    """

    padded: Tensor
    packed: PackedSequence
    lengths: Tensor

    @classmethod
    def of(cls, sequences: Sequence[Tensor]) -> "Batch":
        """Lay sequences out, the longest first."""
        ordered = sorted(sequences, key=len, reverse=True)
        return cls(pad_sequence(ordered), pack_sequence(ordered), torch.tensor([len(each) for each in ordered]))

    def packed_rows(self, padded: Tensor) -> Tensor:
        """The valid rows of `(time, batch, ...)`, in the order of the packed batch."""
        return pack_padded_sequence(padded, self.lengths).data


class Embedded(nn.Module):
    """`nn.Embedding` and `nn.LSTM`, as a user would put them together."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        # Sparse for both sides: the rows that a batch does not touch cost neither of them anything.
        self.embedding = nn.Embedding(shape.vocabulary, shape.input, sparse=True)
        self.lstm = nn.LSTM(shape.input, shape.hidden, bidirectional=shape.bidirectional)

    def forward(self, tokens: Tensor | PackedSequence) -> Tensor:
        """The states: a rectangle, or packed rows."""
        if isinstance(tokens, PackedSequence):
            return self.lstm(PackedSequence(self.embedding(tokens.data), *tokens[1:]))[0].data
        return self.lstm(self.embedding(tokens))[0]


def lengths_of(shape: Shape) -> list[int]:
    """All `steps` long, or evenly from about a quarter of it up."""
    if not shape.ragged:
        return [shape.steps] * shape.batch
    shortest = max(1, shape.steps // 4 + 1)
    return [int(length) for length in np.linspace(shape.steps, shortest, shape.batch).round()]


def draw(shape: Shape, seed: int = 0) -> Batch:
    """A batch of the shape: tokens by Zipf's law, or normal features."""
    random = np.random.default_rng(seed)
    if shape.kind == "tokens":
        share = 1 / np.arange(1, shape.vocabulary + 1)
        names = random.permutation(shape.vocabulary)  # frequent tokens lie anywhere in the embedding
        share /= share.sum()
        return Batch.of([torch.from_numpy(names[random.choice(len(share), n, p=share)]) for n in lengths_of(shape)])
    return Batch.of(
        [torch.from_numpy(random.standard_normal((n, shape.input), dtype=np.float32)) for n in lengths_of(shape)]
    )


def token_subjects(shape: Shape, batches: Sequence[Batch]) -> tuple[dict[str, Run], TokenLSTM]:
    """ours, padded and packed over batches of tokens; a run takes all batches."""
    torch.manual_seed(0)
    ours, theirs = _with_embeddings(shape)
    if shape.mode == "forward":
        _make_table(shape, ours)
    runs = {
        "ours": _each(
            shape, ours.parameters(), [(lambda b=b: ours(b.packed)[0].data) for b in batches], batches, padded=False
        ),
        "padded": _each(
            shape, theirs.parameters(), [(lambda b=b: theirs(b.padded)) for b in batches], batches, padded=True
        ),
        "packed": _each(
            shape, theirs.parameters(), [(lambda b=b: theirs(b.packed)) for b in batches], batches, padded=False
        ),
    }
    return runs, ours


def _with_embeddings(shape: Shape) -> tuple[TokenLSTM, Embedded]:
    ours = TokenLSTM(shape.vocabulary, shape.input, shape.hidden, sparse=True, bidirectional=shape.bidirectional)
    theirs = Embedded(shape)
    state = ours.state_dict()
    theirs.embedding.load_state_dict({"weight": state.pop("embedding.weight")})
    theirs.lstm.load_state_dict(state)
    return ours, theirs


def _make_table(shape: Shape, ours: TokenLSTM) -> None:
    """Read all tokens once: the table over the whole vocabulary, kept where no gradient is wanted, is no part of a
    call. It is made as soon as batches had as many distinct tokens as the vocabulary has."""
    with torch.no_grad():
        ours(pack_sequence(torch.arange(shape.vocabulary).chunk(64)))


def dense_subjects(shape: Shape, batch: Batch) -> tuple[dict[str, Run], LSTM]:
    """ours, padded and packed over features; ours takes what suits the batch, a rectangle or packed rows."""
    torch.manual_seed(0)
    ours = LSTM(shape.input, shape.hidden, bidirectional=shape.bidirectional)
    theirs = nn.LSTM(shape.input, shape.hidden, bidirectional=shape.bidirectional)
    theirs.load_state_dict(ours.state_dict())
    padded = batch.padded.clone().requires_grad_(shape.input_grad)
    rows = batch.packed.data.clone().requires_grad_(shape.input_grad)
    packed = PackedSequence(rows, *batch.packed[1:])
    own, own_rows = (packed, rows) if shape.ragged else (padded, padded)

    def states_of(output: Tensor | PackedSequence) -> Tensor:
        return output.data if isinstance(output, PackedSequence) else output

    runs = {
        "ours": _each(
            shape, [own_rows, *ours.parameters()], [lambda: states_of(ours(own)[0])], [batch], padded=not shape.ragged
        ),
        "padded": _each(shape, [padded, *theirs.parameters()], [lambda: theirs(padded)[0]], [batch], padded=True),
        "packed": _each(shape, [rows, *theirs.parameters()], [lambda: theirs(packed)[0].data], [batch], padded=False),
    }
    return runs, ours


def step_subjects(shape: Shape) -> tuple[dict[str, Run], LSTM]:
    """One step at a time without a graph, the state carried from call to call."""
    torch.manual_seed(0)
    if not shape.reads_tokens:
        ours, lstm = LSTM(shape.input, shape.hidden), nn.LSTM(shape.input, shape.hidden)
        lstm.load_state_dict(ours.state_dict())
        rows = torch.randn(1, shape.batch, shape.input)
        packed_rows = pack_sequence(list(rows.unbind(1)))
        runs = {
            "ours": _stepping(shape, lambda state: ours(rows, state)),
            "padded": _stepping(shape, lambda state: lstm(rows, state)),
            "packed": _stepping(shape, lambda state: lstm(packed_rows, state)),
        }
        return runs, ours
    reader, theirs = _with_embeddings(shape)
    tokens = torch.randint(shape.vocabulary, (1, shape.batch))
    packed = pack_sequence(list(tokens.unbind(1)))
    _make_table(shape, reader)
    runs = {
        "ours": _stepping(shape, lambda state: reader(packed, state)),
        "padded": _stepping(shape, lambda state: theirs.lstm(theirs.embedding(tokens), state)),
        "packed": _stepping(
            shape, lambda state: theirs.lstm(PackedSequence(theirs.embedding(packed.data), *packed[1:]), state)
        ),
    }
    return runs, reader


def _stepping(shape: Shape, call: Callable[[State], tuple[Tensor | PackedSequence, State]]) -> Run:
    zeros = torch.zeros(1, shape.batch, shape.hidden)
    state = (zeros, zeros)

    def run() -> Tensor:
        nonlocal state
        with torch.no_grad():
            output, state = call(state)
        return output.data

    return run


def recurrence(shape: Shape, batches: Sequence[Batch]) -> dict[str, Run]:
    """The recurrence alone, over a table that is ready; and the part of its backward that is no recurrence: adding up
    the table's gradient by row."""
    n_directions = 2 if shape.bidirectional else 1
    bound = shape.hidden**-0.5
    weights = [torch.empty(4 * shape.hidden, shape.hidden).uniform_(-bound, bound) for _ in range(n_directions)]
    prepared = []
    for batch in batches:
        data, layout = batch.packed.data, Ragged.from_packed(batch.packed).layout
        if data.dtype == torch.int64:
            found, rows = native.distinct(data, shape.vocabulary)
        else:
            found, rows = data, torch.arange(len(data), dtype=torch.int32)
        prepared.append((torch.randn(len(found), n_directions * 4 * shape.hidden), rows, layout))
    trains = shape.mode == "train"
    tensors = [*weights, *(table for table, _, _ in prepared)]
    for tensor in tensors:
        tensor.requires_grad_(trains)
    calls = [(lambda p=p: native.recur(p[0], p[1], p[2], weights)[0]) for p in prepared]
    found: dict[str, Run] = {"recur": _each(shape, tensors, calls, batches, padded=False)}
    if trains:
        sources = [torch.randn(len(rows), table.shape[1]) for table, rows, _ in prepared]

        def scatter() -> None:
            for source, (table, rows, _) in zip(sources, prepared, strict=True):
                native.sum_rows(source, rows, len(table))

        found["scatter"] = scatter
    return found


def flop_of(shape: Shape, batches: Sequence[Batch]) -> int:
    """What the recurrence has to multiply and add: forward, and twice that backward."""
    n_rows = sum(len(batch.packed.data) for batch in batches)
    directions = 2 if shape.bidirectional else 1
    return (3 if shape.mode == "train" else 1) * directions * 2 * n_rows * 4 * shape.hidden * shape.hidden


def difference(shape: Shape, runs: dict[str, Run], batch: Batch) -> float:
    """How far our states of the last batch are from those of `nn.LSTM`, relative in norm.

    That is the padded one, but where a backward direction would read padding first, which only the packed one spares.
    """
    peer = "packed" if shape.bidirectional and shape.ragged else "padded"
    ours, theirs = (
        states if states.dim() == 2 else batch.packed_rows(states)
        for states in map(_states_of, (runs["ours"], runs[peer]))
    )
    return float((ours - theirs).norm() / theirs.norm())


def _states_of(run: Run) -> Tensor:
    found = run()
    if not isinstance(found, Tensor):
        raise TypeError("a run returns its states")
    return found.detach()


def _each(
    shape: Shape,
    learned: Iterable[Tensor],
    calls: Sequence[Callable[[], Tensor]],
    batches: Sequence[Batch],
    *,
    padded: bool,
) -> Run:
    """All calls, with their backward pass where the shape trains. Returns the last one's states."""
    if shape.mode == "forward":

        def forward() -> Tensor:
            with torch.no_grad():
                found = [call() for call in calls]
            return found[-1]

        return forward
    width = shape.hidden * (2 if shape.bidirectional else 1)
    learned = list(learned)
    grads: list[Tensor] = []
    for batch in batches:
        grad = torch.ones(*batch.padded.shape[:2], width)
        # The states past a sequence's end are nobody's business: their gradient is 0.
        grad[torch.arange(len(grad))[:, None] >= batch.lengths] = 0
        grads.append(grad if padded else batch.packed_rows(grad))

    def train() -> Tensor:
        states = torch.empty(0)
        for call, grad in zip(calls, grads, strict=True):
            for tensor in learned:
                tensor.grad = None
            states = call()
            states.backward(grad)
        return states

    return train
