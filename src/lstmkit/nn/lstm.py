"""`torch.nn.LSTM` with an engine for ragged batches, and an LSTM over tokens with its embedding inside."""

import copy
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from lstmkit.nn.engines import EngineChoice, asked_everywhere, choose_engine, engine_for, quicker, stand_in_now
from lstmkit.nn.layers import State, Weights
from lstmkit.nn.native import one_dtype
from lstmkit.nn.stack import FirstLayer, reading_rows, reading_tokens, run_stack
from lstmkit.nn.stepping import MOST, Stepper
from lstmkit.ragged import Layout, Ragged

_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
_Sizes = tuple[int, int, int, bool, bool, int]  # arguments of _shapes


@lru_cache(maxsize=64)
def _shapes(
    input_size: int, hidden_size: int, num_layers: int, bidirectional: bool, bias: bool, proj_size: int
) -> dict[str, torch.Size]:
    """The shape of each parameter of a `torch.nn.LSTM`, in its order."""
    gates, state = 4 * hidden_size, proj_size or hidden_size
    suffixes = ("", "_reverse") if bidirectional else ("",)
    found: dict[str, torch.Size] = {}
    for layer in range(num_layers):
        for suffix in suffixes:
            own = [(gates, input_size if layer == 0 else state * len(suffixes)), (gates, state)]
            own += [(gates,), (gates,)] if bias else []
            found |= {f"{name}_l{layer}{suffix}": torch.Size(s) for name, s in zip(_NAMES, own, strict=False)}
            if proj_size:
                found[f"weight_hr_l{layer}{suffix}"] = torch.Size((proj_size, hidden_size))
    return found


@lru_cache(maxsize=16)
def _rectangle(n_steps: int, batch: int) -> Layout:
    return Layout(torch.full((batch,), n_steps))


def _is_one_step(packed: PackedSequence) -> bool:
    return len(packed.batch_sizes) == 1 and int(packed.batch_sizes[0]) == len(packed.data)


@dataclass(frozen=True)
class _Step:
    """A call of a single step, all of it checked: another one like it goes straight to the stepper.

    Nothing of the weights is in it; the stepper looks at them at every step.
    """

    stepper: Stepper
    sizes: _Sizes
    batch_first: bool
    asked: tuple[str, str]
    engine: EngineChoice
    training: bool
    given: tuple[torch.Size, torch.dtype]
    state: torch.Size
    output: tuple[int, ...]


class LSTM(nn.LSTM):
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

    # Of the class, so that a module that began as torch's own, as by `__setstate__`, has them too.
    engine = "auto"
    last_engine = ""
    last_reason = ""
    _step: _Step | None = None

    def __init__(self, *args: Any, engine: str = "auto", **kwargs: Any) -> None:
        choose_engine(engine)
        super().__init__(*args, **kwargs)
        self.engine = engine

    def forward(self, input: Any, hx: Any = None) -> Any:  # noqa: A002  (torch's own name)
        """As `torch.nn.LSTM.forward`: `output, (h_n, c_n)`.

        Args:
            input: `(time, batch, input_size)`, `(batch, time, input_size)` with `batch_first`, `(time, input_size)`,
            or a
                PackedSequence of rows `(rows, input_size)`.
            hx: `(h_0, c_0)`, each `(layers * directions, batch, hidden_size)`; zeros where None.

        Raises:
            ValueError: the batch sizes of a PackedSequence cannot be.
            RuntimeError: shapes or dtypes do not agree, those of the weights among them, or there are no steps.
            RequestError: the engine was asked for by name and cannot run this call.
        """
        if not torch.is_grad_enabled() and isinstance(input, Tensor):
            found = self._again(input, hx)
            if found is not None:
                return found
        _refuse_proxies(input)
        weights = self._checked_weights()
        if isinstance(input, PackedSequence):
            return self._any_packed(input, hx)
        engine = self._engine_for(input)
        self._note(engine)
        if input.dim() in (2, 3) and input.shape[1 if self.batch_first and input.dim() == 3 else 0] == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        if engine.name == "native" and self._is_step(input):
            found = self._first_step(input, hx, engine, weights)
            if found is not None:
                return found
        if input.dim() in (2, 3) and engine.name == "native":
            engine = self._quicker(1 if input.dim() == 2 else input.shape[0 if self.batch_first else 1], engine)
        if engine.name == "torch" or input.dim() not in (2, 3) or 0 in input.shape:
            return super().forward(input, hx)
        return self._padded(input, hx, engine)

    def _any_packed(self, packed: PackedSequence, hx: Any) -> Any:
        sizes = packed.batch_sizes
        self.check_input(packed.data, sizes)
        self._check_state(hx, packed)
        engine = self._engine_for(packed.data, packed=True)
        self._note(engine)
        if engine.name == "native" and int(sizes[0]) == int(sizes[-1]):
            engine = self._quicker(int(sizes[0]), engine)
        if engine.name == "torch":
            return super().forward(packed, hx)
        return self._packed(packed, hx, engine)

    def _engine_for(self, data: Tensor, packed: bool = False) -> EngineChoice:
        weight = cast(Tensor, self.weight_hh_l0)
        return engine_for(self.engine, data, weight, projects=self.proj_size > 0, packed=packed)

    def _quicker(self, n_sequences: int, engine: EngineChoice) -> EngineChoice:
        """The engine for sequences of one length, in place of the native one."""
        if not engine.reason.startswith("asked for"):
            engine = quicker(n_sequences, self.hidden_size, torch.is_grad_enabled()) or engine
            self._note(engine)
        return engine

    def to_torch(self) -> Any:
        """A plain `torch.nn.LSTM` with a copy of the weights: the same `state_dict`, the same results.

        For what looks into a module, and knows torch's own: `quantize_dynamic`, `torch.jit.script`, `torch.fx`.
        """
        return self._as_torch()

    def _as_torch(self) -> nn.LSTM:
        weights = self._checked_weights()
        options = {"bias": self.bias, "batch_first": self.batch_first, "dropout": self.dropout}
        options |= {"bidirectional": self.bidirectional, "proj_size": self.proj_size}
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of dropout with one layer, said when this module was made
            plain = nn.LSTM(self.input_size, self.hidden_size, self.num_layers, **options)
        for name, weight in zip(_shapes(*self._sizes()), weights, strict=True):
            setattr(plain, name, nn.Parameter(weight.detach().clone(), weight.requires_grad))
        return plain.train(self.training)

    def __prepare_scriptable__(self) -> Any:
        """What `torch.jit.script` asks for before it looks into a module, and this one refuses.

        Raises:
            RuntimeError: always. A module given back here would take this one's place in the caller's network.
        """
        raise RuntimeError("torch cannot script a lstmkit.nn.LSTM; put module.to_torch() in its place first")

    @property
    def qconfig(self) -> Any:
        """What torch's quantization writes on modules, and this one refuses.

        Raises:
            AttributeError: when it is read: there is none.
            RuntimeError: when it is written.
        """
        raise AttributeError("qconfig")

    @qconfig.setter
    def qconfig(self, _: Any) -> None:
        # torch knows the modules that it quantizes by their very type, and would leave this one as it is in silence.
        raise RuntimeError("torch cannot quantize a lstmkit.nn.LSTM; put module.to_torch() in its place first")

    def __getstate__(self) -> dict[str, Any]:
        """What a copy takes over: all but the last step, which points to work space of this module's."""
        state = dict(super().__getstate__())  # type: ignore[misc]
        state.pop("_step", None)
        return state

    def _sizes(self) -> _Sizes:
        return self.input_size, self.hidden_size, self.num_layers, self.bidirectional, self.bias, self.proj_size

    def _checked_weights(self) -> list[Tensor]:
        """The weights in torch's order, looked at before any engine reads them: their shapes are those of the module.

        Raises:
            RuntimeError: one is of another shape; they were exchanged, or a size of the module was changed.
        """
        shapes = _shapes(*self._sizes())
        weights = self._own_weights()
        if list(shapes) != self._flat_weights_names:
            raise RuntimeError(
                f"the module has the weights {', '.join(self._flat_weights_names)} where num_layers {self.num_layers}, "
                f"bidirectional {self.bidirectional} and bias {self.bias} take others; make a new LSTM of that kind"
            )
        for (name, shape), weight in zip(shapes.items(), weights, strict=True):
            if not isinstance(weight, Tensor) or weight.shape != shape:
                came = tuple(weight.shape) if isinstance(weight, Tensor) else type(weight).__name__
                raise RuntimeError(
                    f"{name} is {came} where input_size {self.input_size}, hidden_size {self.hidden_size} and "
                    f"proj_size {self.proj_size} take {tuple(shape)}; make a new LSTM of other sizes"
                )
        return cast("list[Tensor]", weights)

    def _note(self, engine: EngineChoice) -> None:
        if self.last_engine != engine.name or self.last_reason != engine.reason:
            self.last_engine, self.last_reason = engine.name, engine.reason

    def _check_state(self, hx: Any, packed: PackedSequence) -> None:
        """See that a state is that of a packed batch: torch checks padded ones alone, and reads past the others."""
        if hx is not None:
            (h, c), sizes = hx, packed.batch_sizes
            wanted = self.get_expected_hidden_size(packed.data, sizes), self.get_expected_cell_size(packed.data, sizes)
            self.check_hidden_size(h, wanted[0], "Expected hidden[0] size {}, got {}")
            self.check_hidden_size(c, wanted[1], "Expected hidden[1] size {}, got {}")

    def _is_step(self, given: Tensor) -> bool:
        """Whether a call is a single step of a few sequences, without a gradient."""
        if torch.is_grad_enabled() or given.dim() != 3 or not given.is_contiguous() or (self.dropout and self.training):
            return False
        n_steps, batch = given.shape[:2] if not self.batch_first else given.shape[1::-1]
        return n_steps == 1 and 0 < batch <= MOST and given.shape[2] > 0

    def _own_weights(self) -> list[Tensor | None]:
        """The weights by their names, not by `_flat_weights`, which `torch.func.functional_call` leaves as it is."""
        get = self._parameters.get
        # What a parametrization computes, and what other modules hold, is no parameter of this one's.
        return [get(name) if get(name) is not None else getattr(self, name) for name in self._flat_weights_names]

    def _first_step(self, given: Tensor, hx: State | None, engine: EngineChoice, weights: list[Tensor]) -> Any:
        """Check a single step and take it; others like it need not be checked again. None: take the long way."""
        batch = given.shape[0 if self.batch_first else 1]
        n_directions = 2 if self.bidirectional else 1
        state = torch.Size((self.num_layers * n_directions, batch, self.hidden_size))
        if given.shape[2] != self.input_size or (hx is not None and not hx[0].shape == hx[1].shape == state):
            self.check_forward_args(given, hx or self._zeros(given, _rectangle(1, batch)), None)
        one_dtype(given, *weights, *(() if hx is None else hx))
        stepper = Stepper(list(_shapes(*self._sizes()).values()), self.bias, n_directions, given.dtype)
        pointers = stepper.pointers(weights)
        if pointers is None:
            return None
        step = _Step(
            stepper=stepper,
            sizes=self._sizes(),
            batch_first=self.batch_first,
            asked=(self.engine, asked_everywhere()),
            engine=engine,
            training=self.training,
            given=(given.shape, given.dtype),
            state=state,
            output=(*given.shape[:2], n_directions * self.hidden_size),
        )
        object.__setattr__(self, "_step", step)  # past the module's own bookkeeping, which this is no part of
        h, c = (None, None) if hx is None else (hx[0].contiguous(), hx[1].contiguous())
        output, h_n, c_n = stepper(pointers, given, h, c, step.output)
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
            or self._sizes() != step.sizes
            or self.batch_first != step.batch_first
            or stand_in_now() is not None
        ):
            return None
        get = self._parameters.get
        pointers = step.stepper.pointers([get(name) for name in self._flat_weights_names])
        if pointers is None:
            return None
        self._note(step.engine)
        output, h_n, c_n = step.stepper(pointers, given, h, c, step.output)
        return output, (h_n, c_n)

    def _packed(self, packed: PackedSequence, hx: tuple[Tensor, Tensor] | None, engine: EngineChoice) -> Any:
        batch = Ragged.from_packed(packed)
        hx = self.permute_hidden(hx, packed.sorted_indices) if hx is not None else None
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

    def to_torch(self) -> tuple[nn.Embedding, nn.LSTM]:
        """torch's own modules with copies of the weights: the embedding, and the LSTM that reads what it gives."""
        return copy.deepcopy(self.embedding), self._as_torch()

    def forward(self, input: Any, hx: Any = None) -> Any:  # noqa: A002
        """`states, (h_n, c_n)`, the states as a PackedSequence.

        Args:
            input: int64 tokens `(rows,)`, packed.
            hx: `(h_0, c_0)` as for `LSTM`.

        Raises:
            TypeError: the input is no PackedSequence of whole numbers.
            IndexError: a token is outside the embedding.
            RequestError: the engine was asked for by name and cannot run this call.
        """
        _refuse_proxies(input)
        if not isinstance(input, PackedSequence) or input.data.dim() != 1 or input.data.is_floating_point():
            raise TypeError("TokenLSTM takes a PackedSequence of tokens; see torch.nn.utils.rnn.pack_sequence")
        weights = self._checked_weights()
        self._check_state(hx, input)
        engine = self._engine_for(self.embedding.weight, packed=True)
        self._note(engine)
        if engine.name == "torch":
            embedded = PackedSequence(self.embedding(input.data), *input[1:])
            return nn.LSTM.forward(self, embedded, hx)
        if engine.name == "native" and not torch.is_grad_enabled() and _is_one_step(input):
            embedded = self.embedding(input.data).unsqueeze(0)
            if self._is_step(embedded):
                hx = self.permute_hidden(hx, input.sorted_indices) if hx is not None else None
                found = self._again(embedded, hx) or self._first_step(embedded, hx, engine, weights)
                if found is not None:
                    output, ends = found
                    ends = self.permute_hidden(ends, input.unsorted_indices)
                    return PackedSequence(output.squeeze(0), *input[1:]), ends
        layout = Ragged.from_packed(input).layout
        hx = self.permute_hidden(hx, input.sorted_indices) if hx is not None else None
        first = reading_tokens(engine, input.data.long(), self.embedding, layout, True, biased=self.bias)
        states, h_n, c_n = self._stack(first, layout, hx, engine)
        output = PackedSequence(states, *input[1:])
        return output, self.permute_hidden((h_n, c_n), input.unsorted_indices)


def _refuse_proxies(given: Any) -> None:
    """See that a call is no symbolic trace, which would follow the engine's own choices.

    Raises:
        TypeError: it is.
    """
    if isinstance(given, torch.fx.Proxy):
        raise TypeError("torch.fx cannot trace a lstmkit.nn.LSTM; put module.to_torch() in its place first")
