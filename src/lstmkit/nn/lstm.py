"""`torch.nn.LSTM` with an engine for ragged batches, and an LSTM over tokens with its embedding inside."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from lstmkit.nn.engines import EngineChoice, asked_everywhere, choose_engine, engine_for, quicker, stand_in_now
from lstmkit.nn.keeping import Forgetful, Made, forget_while_training
from lstmkit.nn.layers import State, Weights
from lstmkit.nn.native import one_dtype
from lstmkit.nn.stack import FirstLayer, TokenReader, reading_rows, run_stack
from lstmkit.nn.stepping import MOST, Stepper
from lstmkit.ragged import Layout, Ragged

_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


@lru_cache(maxsize=16)
def _rectangle(n_steps: int, batch: int) -> Layout:
    return Layout(torch.full((batch,), n_steps))


def _is_one_step(packed: PackedSequence) -> bool:
    return len(packed.batch_sizes) == 1 and int(packed.batch_sizes[0]) == len(packed.data)


@dataclass(frozen=True)
class _Step:
    """A call of a single step, all of it checked: another one like it goes straight to the stepper."""

    stepper: Stepper
    made: Made
    asked: tuple[str, str]
    engine: EngineChoice
    training: bool
    given: tuple[torch.Size, torch.dtype]
    state: torch.Size
    output: tuple[int, ...]


class LSTM(Forgetful, nn.LSTM):
    """`torch.nn.LSTM`: its constructor, parameters, state_dict, call and results; padded, packed and unbatched input.

    Args:
        *args: as for `torch.nn.LSTM`.
        engine: auto, native, torch or reference. Under auto the native engine runs what it can, and torch's own what it
            cannot; an engine named here, or by `LSTMKIT_ENGINE`, is used or refused.
        **kwargs: as for `torch.nn.LSTM`.

    Attributes:
        last_engine: the engine that ran the last call; empty before the first.
        last_reason: why it did.

    Example:
        >>> lstm = LSTM(12, 64, num_layers=2, bidirectional=True)
        >>> output, (h_n, c_n) = lstm(torch.randn(50, 8, 12))
    """

    def __init__(self, *args: Any, engine: str = "auto", **kwargs: Any) -> None:
        choose_engine(engine)
        super().__init__(*args, **kwargs)
        self.engine = engine
        self._step: _Step | None = None
        self.last_engine = ""
        self.last_reason = ""

    def forward(self, input: Any, hx: Any = None) -> Any:  # noqa: A002  (torch's own name)
        """As `torch.nn.LSTM.forward`: `output, (h_n, c_n)`.

        Args:
            input: `(time, batch, input_size)`, `(batch, time, input_size)` with `batch_first`, `(time, input_size)`,
            or a
                PackedSequence of rows `(rows, input_size)`.
            hx: `(h_0, c_0)`, each `(layers * directions, batch, hidden_size)`; zeros where None.

        Raises:
            ValueError: a sequence has no steps.
            RuntimeError: shapes do not agree.
            RequestError: the engine was asked for by name and cannot run this call.
        """
        if not torch.is_grad_enabled() and isinstance(input, Tensor):
            found = self._again(input, hx)
            if found is not None:
                return found
        forget_while_training(self)
        data = input.data if isinstance(input, PackedSequence) else input
        engine = self._engine_for(data)
        self._note(engine)
        if engine.name == "native" and isinstance(input, Tensor) and self._is_step(input):
            return self._first_step(input, hx, engine)
        if isinstance(input, PackedSequence):
            sizes = input.batch_sizes
            if engine.name == "native" and int(sizes[0]) == int(sizes[-1]):
                engine = self._quicker(int(sizes[0]), engine)
            if engine.name == "torch":
                return super().forward(input, hx)
            return self._packed(input, hx, engine)
        if input.dim() in (2, 3) and input.shape[1 if self.batch_first and input.dim() == 3 else 0] == 0:
            raise ValueError("a sequence has no steps; each needs one at least")
        if input.dim() in (2, 3) and engine.name == "native":
            engine = self._quicker(1 if input.dim() == 2 else input.shape[0 if self.batch_first else 1], engine)
        if engine.name == "torch" or input.dim() not in (2, 3) or 0 in input.shape:
            return super().forward(input, hx)
        return self._padded(input, hx, engine)

    def _engine_for(self, data: Tensor) -> EngineChoice:
        return engine_for(self.engine, data, cast(Tensor, self.weight_hh_l0), projects=self.proj_size > 0)

    def _quicker(self, n_sequences: int, engine: EngineChoice) -> EngineChoice:
        """The engine for sequences of one length, in place of the native one."""
        if not engine.reason.startswith("asked for"):
            engine = quicker(n_sequences, self.hidden_size, torch.is_grad_enabled()) or engine
            self._note(engine)
        return engine

    def forget(self) -> None:
        """Let go of packed weights."""
        if self._step is not None:
            object.__setattr__(self, "_step", None)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy takes over: all but the packed weights, which point to this module's."""
        return {**super().__getstate__(), "_step": None}  # type: ignore[misc]

    def _note(self, engine: EngineChoice) -> None:
        if self.last_engine != engine.name or self.last_reason != engine.reason:
            self.last_engine, self.last_reason = engine.name, engine.reason

    def _is_step(self, given: Tensor) -> bool:
        """Whether a call is a single step of a few sequences, without a gradient."""
        if torch.is_grad_enabled() or given.dim() != 3 or not given.is_contiguous() or (self.dropout and self.training):
            return False
        n_steps, batch = given.shape[:2] if not self.batch_first else given.shape[1::-1]
        if n_steps != 1 or not 0 < batch <= MOST:
            return False
        # Weights that a parametrization computes are others at every call, and tensors made under inference mode do not
        # tell when they change.
        return all(weight is not None and not weight.is_inference() for weight in self._own_weights())

    def _own_weights(self) -> list[Tensor | None]:
        """The parameters by their names, not by `_flat_weights`, which `torch.func.functional_call` leaves as it is."""
        get = self._parameters.get
        return [get(name) for name in self._flat_weights_names]

    def _first_step(self, given: Tensor, hx: State | None, engine: EngineChoice) -> Any:
        """Check a single step and take it; others like it need not be checked again."""
        batch = given.shape[0 if self.batch_first else 1]
        n_directions = 2 if self.bidirectional else 1
        state = torch.Size((self.num_layers * n_directions, batch, self.hidden_size))
        if given.shape[2] != self.input_size or (hx is not None and not hx[0].shape == hx[1].shape == state):
            self.check_forward_args(given, hx or self._zeros(given, _rectangle(1, batch)), None)
        weights = cast("list[Tensor]", self._own_weights())
        one_dtype(given, weights[0], *(() if hx is None else hx))
        last = self._step if self._step is not None and self._step.made.holds(weights) else None
        stepper = Stepper(self._weight_groups()) if last is None else last.stepper
        step = _Step(
            stepper=stepper,
            made=Made(weights) if last is None else last.made,
            asked=(self.engine, asked_everywhere()),
            engine=engine,
            training=self.training,
            given=(given.shape, given.dtype),
            state=state,
            output=(*given.shape[:2], n_directions * self.hidden_size),
        )
        object.__setattr__(self, "_step", step)  # past the module's own bookkeeping, which this is no part of
        h, c = (None, None) if hx is None else (hx[0].contiguous(), hx[1].contiguous())
        output, h_n, c_n = stepper(given, h, c, step.output)
        return output, (h_n, c_n)

    def _again(self, given: Tensor, hx: Any) -> Any:
        """A single step where it is in all respects like the last one; None where it is not.

        Looking at each respect costs a tenth of what choosing and checking anew does, which is more than the step.
        """
        step = self._step
        if (
            step is None
            or type(given) is not Tensor
            or (given.shape, given.dtype) != step.given
            or not (given.is_cpu and given.is_contiguous())
        ):
            return None
        h = c = None
        if hx is not None:
            h, c = hx
            if not (
                type(h) is type(c) is Tensor
                and h.shape == c.shape == step.state
                and h.dtype == c.dtype == given.dtype
                and h.is_cpu
                and c.is_cpu
                and h.is_contiguous()
                and c.is_contiguous()
            ):
                return None
        if (
            self.training != step.training
            or (self.engine, asked_everywhere()) != step.asked
            or stand_in_now() is not None
            or not step.made.holds(self._own_weights())
        ):
            return None
        self._note(step.engine)
        output, h_n, c_n = step.stepper(given, h, c, step.output)
        return output, (h_n, c_n)

    def _packed(self, packed: PackedSequence, hx: tuple[Tensor, Tensor] | None, engine: EngineChoice) -> Any:
        batch = Ragged.from_packed(packed)
        hx = self.permute_hidden(hx, packed.sorted_indices) if hx is not None else None
        self.check_forward_args(packed.data, hx or self._zeros(packed.data, batch.layout), packed.batch_sizes)
        states, h_n, c_n = self._stack(reading_rows(engine, packed.data, batch.layout, True), batch.layout, hx, engine)
        output = PackedSequence(states, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices)
        return output, self.permute_hidden((h_n, c_n), packed.unsorted_indices)

    def _padded(self, given: Tensor, hx: tuple[Tensor, Tensor] | None, engine: EngineChoice) -> Any:
        batched = given.dim() == 3
        if not batched:
            given = given.unsqueeze(0 if self.batch_first else 1)
            if hx is not None:
                if hx[0].dim() != 2 or hx[1].dim() != 2:
                    raise RuntimeError("for an unbatched input h_0 and c_0 have two dimensions")
                hx = hx[0].unsqueeze(1), hx[1].unsqueeze(1)
        layout = _rectangle(*(given.shape[:2] if not self.batch_first else given.shape[1::-1]))
        self.check_forward_args(given, hx or self._zeros(given, layout), None)
        given = given.transpose(0, 1) if self.batch_first else given
        rows = given.reshape(-1, given.shape[2])
        states, h_n, c_n = self._stack(reading_rows(engine, rows, layout, True), layout, hx, engine)
        output = states.view(*given.shape[:2], -1)
        if not batched:
            return output.squeeze(1), (h_n.squeeze(1), c_n.squeeze(1))
        return output.transpose(0, 1) if self.batch_first else output, (h_n, c_n)

    def _stack(
        self, first: FirstLayer, layout: Layout, hx: tuple[Tensor, Tensor] | None, engine: EngineChoice
    ) -> tuple[Tensor, Tensor, Tensor]:
        weights = self._weight_groups()
        return cast(
            "tuple[Tensor, Tensor, Tensor]",
            run_stack(
                first, engine, layout, weights, hx, dropout=self.dropout, training=self.training, wants_ends=True
            ),
        )

    def _weight_groups(self) -> list[list[Weights]]:
        suffixes = ("", "_reverse") if self.bidirectional else ("",)
        return [[self._weights(f"_l{layer}{suffix}") for suffix in suffixes] for layer in range(self.num_layers)]

    def _weights(self, suffix: str) -> Weights:
        if self.bias:
            return tuple(getattr(self, name + suffix) for name in _NAMES)  # type: ignore[return-value]
        weight_ih, weight_hh = (getattr(self, name + suffix) for name in _NAMES[:2])
        zeros = weight_hh.new_zeros(len(weight_hh))
        return weight_ih, weight_hh, zeros, zeros

    def _zeros(self, like: Tensor, layout: Layout) -> State:
        n = self.num_layers * (2 if self.bidirectional else 1)
        zeros = like.new_zeros(()).expand(n, layout.n_sequences, self.hidden_size)
        return zeros, zeros


class TokenLSTM(LSTM):
    """An LSTM over tokens, the embedding inside.

    What the gates receive of a token, `weight_ih @ embedding[token] + biases`, depends on the token alone: it is made
    once for each distinct token of a batch, and looked up by the steps. The result is that of an `Embedding` followed
    by an `LSTM`, and so are all gradients.

    Args:
        num_embeddings: tokens, numbered from 0.
        embedding_dim: features of a token.
        hidden_size: units of each layer and direction.
        num_layers: layers on top of each other.
        sparse: whether the embedding's gradient is sparse, with rows for the batch's tokens alone, as for
            `torch.nn.Embedding`; it then needs an optimizer that takes such gradients (`lstmkit.nn.Adam`,
            `torch.optim.SGD`). Without, each backward writes a gradient as large as the whole embedding, zeros for
            most rows, and the optimizer's step reads all of it.
        engine: as for `LSTM`.
        **kwargs: as for `torch.nn.LSTM`, without `batch_first`.

    Example:
        >>> lstm = TokenLSTM(1000, 32, 64)
        >>> tokens = pack_sequence([torch.tensor([5, 3, 8]), torch.tensor([2])])
        >>> states, (h_n, c_n) = lstm(tokens)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        sparse: bool = False,
        engine: str = "auto",
        **kwargs: Any,
    ) -> None:
        if kwargs.get("batch_first"):
            raise TypeError("TokenLSTM takes a PackedSequence, so batch_first has no place")
        super().__init__(embedding_dim, hidden_size, num_layers, engine=engine, **kwargs)
        factory = {name: kwargs[name] for name in ("device", "dtype") if name in kwargs}
        self.embedding = nn.Embedding(num_embeddings, embedding_dim, sparse=sparse, **factory)
        self._reader = TokenReader()

    def forget(self) -> None:
        """Let go of packed weights and of the vocabulary's table."""
        super().forget()
        self._reader.forget()

    def forward(self, input: Any, hx: tuple[Tensor, Tensor] | None = None) -> Any:  # noqa: A002
        """`states, (h_n, c_n)`, the states as a PackedSequence.

        Args:
            input: int64 tokens `(rows,)`, packed.
            hx: `(h_0, c_0)` as for `LSTM`.

        Raises:
            TypeError: the input is no PackedSequence of whole numbers.
            IndexError: a token is outside the embedding.
            RequestError: the engine was asked for by name and cannot run this call.
        """
        if not isinstance(input, PackedSequence) or input.data.dim() != 1 or input.data.is_floating_point():
            raise TypeError("TokenLSTM takes a PackedSequence of tokens; see torch.nn.utils.rnn.pack_sequence")
        forget_while_training(self)
        engine = self._engine_for(self.embedding.weight)
        self._note(engine)
        if engine.name == "torch":
            embedded = PackedSequence(self.embedding(input.data), *input[1:])
            return nn.LSTM.forward(self, embedded, hx)
        if engine.name == "native" and not torch.is_grad_enabled() and _is_one_step(input):
            embedded = self.embedding(input.data).unsqueeze(0)
            if self._is_step(embedded):
                hx = self.permute_hidden(hx, input.sorted_indices) if hx is not None else None
                output, ends = self._again(embedded, hx) or self._first_step(embedded, hx, engine)
                return PackedSequence(output.squeeze(0), *input[1:]), self.permute_hidden(ends, input.unsorted_indices)
        layout = Ragged.from_packed(input).layout
        hx = self.permute_hidden(hx, input.sorted_indices) if hx is not None else None
        first = self._reader.layer(engine, input.data.long(), self.embedding, layout, True, biased=self.bias)
        states, h_n, c_n = self._stack(first, layout, hx, engine)
        output = PackedSequence(states, *input[1:])
        return output, self.permute_hidden((h_n, c_n), input.unsorted_indices)
