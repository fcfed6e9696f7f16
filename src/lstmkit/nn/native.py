"""The native engine: one layer of an LSTM over ragged rows, forward and backward, in the compiled library.

Every number that it computes is summed in an order that depends neither on threads nor on the other sequences of the
batch, but for sums over the whole batch, whose order is that of the rows.
"""

import ctypes
from collections.abc import Sequence
from ctypes import byref
from typing import Any, cast

import torch
from torch import Tensor

from lstmkit.nn import reference
from lstmkit.nn.layers import Results, State, Weights, check_shapes
from lstmkit.nn.library import Direction, Outer, Product, native_library
from lstmkit.nn.workspace import empty
from lstmkit.ragged import Layout

_KINDS = {(torch.float32, "cpu"), (torch.float64, "cpu")}


def library() -> ctypes.CDLL:
    """The loaded library; only to be asked for where `native_library` found one."""
    found = native_library().library
    if found is None:
        raise RuntimeError(native_library().reason)
    return found


def _is_double(dtype: torch.dtype) -> int:
    return int(dtype == torch.float64)


def _pointer(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def one_dtype(*tensors: Tensor) -> None:
    """See that tensors can be read as arrays of one type.

    Raises:
        RuntimeError: they are of several dtypes, of one that the library has not, elsewhere than on the CPU, or without
            memory.
    """
    kinds = {(tensor.dtype, tensor.device.type) for tensor in tensors}
    if len(kinds) > 1 or next(iter(kinds)) not in _KINDS:
        names = ", ".join(sorted(f"{str(dtype).removeprefix('torch.')} on {device}" for dtype, device in kinds))
        raise RuntimeError(f"input, state and weights are {names}; give one dtype, float32 or float64, on the CPU")
    for tensor in tensors:
        if not has_memory(tensor):
            raise RuntimeError(
                f"a tensor of shape {tuple(tensor.shape)} is without its memory; its storage was resized"
            )


def expect(what: str, tensor: Tensor, shape: tuple[int, ...], dtype: torch.dtype, *, rows: bool = False) -> None:
    """See that a tensor is what the library will read or write; it gets a bare address and believes it.

    Args:
        what: the tensor's name, for the error.
        tensor: to be checked.
        shape: that it must have.
        dtype: that it must have.
        rows: whether the elements of each row must lie side by side, wherever the rows are; else all must.

    Raises:
        RuntimeError: it is of another shape or dtype, elsewhere than on the CPU, not contiguous, or without memory.
    """
    lies_well = tensor.is_contiguous() or (rows and (tensor.shape[-1] == 1 or tensor.stride(-1) == 1))
    if tuple(tensor.shape) == shape and tensor.dtype == dtype and tensor.is_cpu and lies_well and has_memory(tensor):
        return
    kind = str(tensor.dtype).removeprefix("torch.")
    lies = "" if lies_well else ", not contiguous"
    memory = "" if not lies_well or not tensor.is_cpu or has_memory(tensor) else ", without its memory"
    wanted = f"shape {shape}, {str(dtype).removeprefix('torch.')}, contiguous, on the CPU"
    raise RuntimeError(
        f"{what} has shape {tuple(tensor.shape)}, {kind} on {tensor.device.type}{lies}{memory}; give {wanted}"
    )


def has_memory(tensor: Tensor) -> bool:
    """Whether the tensor's storage is as large as its shape says; a storage can be resized alone."""
    n_elements = tensor.numel()
    if n_elements and not tensor.is_contiguous():
        n_elements = 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    n_elements += tensor.storage_offset() if n_elements else 0
    return tensor.untyped_storage().nbytes() >= n_elements * tensor.itemsize


def expect_rows(what: str, rows: Tensor, n: int, low: int, high: int) -> None:
    """See that row numbers are int32, n of them, each from `low` to `high - 1`.

    Raises:
        RuntimeError: they are of another shape or dtype, or not contiguous on the CPU.
        IndexError: one is out of range.
    """
    expect(what, rows, (n,), torch.int32)
    if n:
        least, most = rows.aminmax()
        if int(least) < low or int(most) >= high:
            raise IndexError(f"{what} go from {int(least)} to {int(most)}; there are {low} to {high - 1}")


def packed(weight: Tensor, transposed: bool) -> Tensor:
    """Pack a matrix for `multiply`: `weight (m, k)` transposed, so that it gives `a @ weight.T`, or `weight (k, m)`
    as it is."""
    weight = weight.detach()
    one_dtype(weight)
    if weight.dim() != 2:
        raise RuntimeError(f"a weight has shape {tuple(weight.shape)}; give a matrix")
    if weight.stride(1) != 1:
        weight = weight.contiguous()
    expect("a weight", weight, tuple(weight.shape), weight.dtype, rows=True)
    kind = _is_double(weight.dtype)
    k, m = (weight.shape[1], weight.shape[0]) if transposed else (weight.shape[0], weight.shape[1])
    k_stride, m_stride = (1, weight.stride(0)) if transposed else (weight.stride(0), 1)
    out = weight.new_empty(library().lstmkit_packed_size(kind, k, m))
    library().lstmkit_pack(kind, torch.get_num_threads(), weight.data_ptr(), k_stride, m_stride, k, m, out.data_ptr())
    return out


def multiply(a: Tensor, b_packed: Tensor, out: Tensor, bias: Tensor | None = None) -> Tensor:
    """out = a @ b + bias. `a (n, k)` and `out (n, m)` need contiguous rows only.

    Raises:
        RuntimeError: shapes, dtypes or strides do not belong together.
    """
    one_dtype(a)
    n, k, m = len(a), a.shape[-1], out.shape[-1]
    kind = _is_double(a.dtype)
    expect("a", a, (n, k), a.dtype, rows=True)
    expect("out", out, (n, m), a.dtype, rows=True)
    expect("the packed weight", b_packed, (library().lstmkit_packed_size(kind, k, m),), a.dtype)
    if bias is not None:
        expect("the bias", bias, (m,), a.dtype)
    if n > 1 and out.stride(0) < m:
        raise RuntimeError(f"rows of out lie {out.stride(0)} elements apart and have {m}; give rows of their own")
    if k == 0:  # an empty sum
        return out.copy_(bias) if bias is not None else out.zero_()
    job = Product(
        n,
        k,
        m,
        a.data_ptr(),
        a.stride(0),
        b_packed.data_ptr(),
        _pointer(bias),
        out.data_ptr(),
        out.stride(0),
    )
    library().lstmkit_multiply(kind, torch.get_num_threads(), byref(job))
    return out


def sum_outer(a: Tensor, b: Tensor, b_rows: Tensor | None = None, sums: bool = False) -> tuple[Tensor, Tensor | None]:
    """`a.T @ b[b_rows]` over rows, those with a negative number left out; and the sums of a's columns over all rows.

    Raises:
        RuntimeError: shapes, dtypes or strides do not belong together.
        IndexError: a number is beyond b's rows.
    """
    one_dtype(a)
    expect("a", a, (len(a), a.shape[-1]), a.dtype, rows=True)
    expect("b", b, (len(b) if b_rows is not None else len(a), b.shape[-1]), a.dtype, rows=True)
    if b_rows is not None:
        expect_rows("row numbers", b_rows, len(a), -(2**31), len(b))
    out = a.new_empty(a.shape[1], b.shape[1])
    columns = a.new_empty(a.shape[1]) if sums else None
    kind, n_threads = _is_double(a.dtype), torch.get_num_threads()
    work = empty(library().lstmkit_outer_work(kind, n_threads, *out.shape), dtype=torch.uint8)
    job = Outer(
        len(a),
        a.shape[1],
        b.shape[1],
        a.data_ptr(),
        a.stride(0),
        b.data_ptr(),
        b.stride(0),
        _pointer(b_rows),
        out.data_ptr(),
        _pointer(columns),
        work.data_ptr(),
    )
    library().lstmkit_sum_outer(kind, n_threads, byref(job))
    return out, columns


def sum_rows(source: Tensor, rows: Tensor, n_out: int) -> Tensor:
    """`(n_out, width)`: the source's rows added up by `rows` (int32), in their order.

    Raises:
        RuntimeError: shapes, dtypes or strides do not belong together.
        IndexError: a number is outside 0..n_out-1.
    """
    one_dtype(source)
    expect("the source", source, (len(source), source.shape[-1]), source.dtype, rows=True)
    expect_rows("row numbers", rows, len(source), 0, n_out)
    out = empty(n_out, source.shape[1], dtype=source.dtype)
    work = torch.empty(len(rows) + n_out + 1, dtype=torch.int32)
    library().lstmkit_sum_rows(
        _is_double(source.dtype),
        torch.get_num_threads(),
        source.data_ptr(),
        source.stride(0),
        source.shape[1],
        rows.data_ptr(),
        len(rows),
        n_out,
        work.data_ptr(),
        work[len(rows) :].data_ptr(),
        out.data_ptr(),
    )
    return out


def distinct(tokens: Tensor, vocabulary: int) -> tuple[Tensor, Tensor]:
    """Distinct tokens in order of first appearance, int64, and for each token its number among them, int32.

    Raises:
        RuntimeError: tokens are not int64 numbers in one dimension, on the CPU.
        IndexError: a token is outside the vocabulary.
    """
    tokens = tokens.contiguous()
    expect("tokens", tokens, (tokens.numel(),), torch.int64)
    place = torch.full((vocabulary,), -1, dtype=torch.int32)
    found = torch.empty(min(len(tokens), vocabulary), dtype=torch.int64)
    rows = torch.empty(len(tokens), dtype=torch.int32)
    n = library().lstmkit_distinct(
        tokens.data_ptr(), len(tokens), vocabulary, place.data_ptr(), found.data_ptr(), rows.data_ptr()
    )
    if n < 0:
        raise IndexError(f"a token is outside 0..{vocabulary - 1}")
    return found[:n], rows


class _Layer(torch.autograd.Function):
    """One layer, one or two directions. See `layer`."""

    @staticmethod
    def forward(
        ctx: Any,
        layout: Layout,
        rows: Tensor | None,
        keeps: bool,
        projects: bool,
        inputs: Tensor,
        h0: Tensor | None,
        c0: Tensor | None,
        *weights: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        run = _Run(layout, rows, projects, inputs.detach(), h0, c0, [w.detach() for w in weights])
        states, h_n, c_n = run.forward(keeps)
        if keeps:
            ctx.run, ctx.what = run, (layout, rows, projects)
            ctx.save_for_backward(inputs, h0, c0, states, *weights)
        ctx.set_materialize_grads(False)
        return states, h_n, c_n

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        inputs, h0, c0, states, *weights = ctx.saved_tensors
        run: _Run | None = ctx.run
        ctx.run = None  # as the output may live on; gates are turned into gradients, so they serve no second time
        if run is None:  # a graph that was retained
            layout, rows, projects = ctx.what
            run = _Run(layout, rows, projects, inputs.detach(), h0, c0, [w.detach() for w in weights])
        if torch.is_grad_enabled():  # create_graph: the gradient must itself have a gradient
            found = run.through_the_reference(inputs, h0, c0, weights, grads)
        else:
            found = run.backward(states, grads, ctx.needs_input_grad[4])
        wanted = ctx.needs_input_grad[4:]
        return None, None, None, None, *(g if w else None for g, w in zip(found, wanted, strict=True))


class _Run:
    """One call of a layer: what backward needs of forward."""

    def __init__(
        self,
        layout: Layout,
        rows: Tensor | None,
        projects: bool,
        inputs: Tensor,
        h0: Tensor | None,
        c0: Tensor | None,
        weights: list[Tensor],
    ) -> None:
        self.layout = layout
        self.rows = rows
        self.projects = projects
        self.per_direction = 4 if projects else 1
        self.n_directions = len(weights) // self.per_direction
        self.weights = [weights[k : k + self.per_direction] for k in range(0, len(weights), self.per_direction)]
        # Here and not in `layer`: a graph that is retained comes here once more, with what its tensors are by then.
        state = None if h0 is None or c0 is None else (h0, c0)
        one_dtype(inputs, *weights, *(state or ()))
        check_shapes(layout, rows, inputs, state, self.weights)
        if rows is not None:
            expect_rows("row numbers", rows, layout.n_rows, 0, len(inputs))
        expect("the layout's offsets", layout.offsets, (layout.n_steps + 1,), torch.int64)
        self.weight_hh = [group[1] if projects else group[0] for group in self.weights]
        self.inputs = inputs if inputs.stride(1) == 1 else inputs.contiguous()
        self.h0 = None if h0 is None else h0.detach().contiguous()
        self.c0 = None if c0 is None else c0.detach().contiguous()
        self.hidden = self.weight_hh[0].shape[1]
        self.kept: tuple[Tensor, Tensor] | None = None  # gates and cells

    def _weight_ih(self) -> Tensor:
        """`(directions * 4 * hidden, features)`, the directions below each other."""
        parts = [group[0] for group in self.weights]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _table(self, out: Tensor | None) -> Tensor:
        if not self.projects:
            return self.inputs
        return _project(self.inputs, self._weight_ih(), self.weights, out)

    def forward(self, keeps: bool) -> tuple[Tensor, Tensor, Tensor]:
        """States, h_n and c_n; what backward needs is kept where asked."""
        layout, hidden, n_directions = self.layout, self.hidden, self.n_directions
        n_rows, batch, like = layout.n_rows, layout.n_sequences, self.inputs
        states = empty(n_rows, n_directions * hidden, dtype=like.dtype)
        gates: Tensor | None = None
        if keeps:
            width = n_directions * 4 * hidden
            gates = empty(n_rows, width, dtype=like.dtype)
            cells = empty(n_directions, n_rows, hidden, dtype=like.dtype)
            self.kept = gates, cells
        else:
            cells = torch.zeros(n_directions, batch, hidden, dtype=like.dtype) if self.c0 is None else self.c0.clone()
        # Dense rows are projected straight to where their gates will be.
        table = self._table(gates if self.rows is None else None)
        kind = _is_double(like.dtype)
        stride = library().lstmkit_work_stride(kind, hidden, int(keeps))
        work = torch.empty(n_directions * batch * stride + 64, dtype=torch.uint8)
        jobs = (Direction * n_directions)()
        alive = [packed(weight, transposed=True) for weight in self.weight_hh]
        for d in range(n_directions):
            job = self._job(jobs[d], d, states, cells[d])
            job.table, job.table_stride = table[:, d * 4 * hidden :].data_ptr(), table.stride(0)
            job.rows = _pointer(self.rows)
            job.weight = alive[d].data_ptr()
            if gates is not None:
                job.gates, job.gates_stride = gates[:, d * 4 * hidden :].data_ptr(), gates.stride(0)
            job.work, job.work_stride = work[d * batch * stride :].data_ptr() + -work.data_ptr() % 64, stride
        library().lstmkit_forward(kind, torch.get_num_threads(), n_directions, jobs)
        ends = [layout.last_rows if d == 0 else layout.first_rows for d in range(n_directions)]
        h_n = torch.stack([states[end, d * hidden : (d + 1) * hidden] for d, end in enumerate(ends)])
        c_n = torch.stack([cells[d, end] for d, end in enumerate(ends)]) if keeps else cells
        return states, h_n, c_n

    def _job(self, job: Direction, d: int, states: Tensor, cells: Tensor) -> Direction:
        job.hidden, job.n_steps, job.n_sequences = self.hidden, self.layout.n_steps, self.layout.n_sequences
        job.reverse = d
        job.starts = self.layout.offsets.data_ptr()
        job.h0 = _pointer(None if self.h0 is None else self.h0[d])
        job.c0 = _pointer(None if self.c0 is None else self.c0[d])
        job.states, job.states_stride = states[:, d * self.hidden :].data_ptr(), states.stride(0)
        job.cells = cells.data_ptr()
        return job

    def backward(self, states: Tensor, grads: tuple[Tensor | None, ...], wants_inputs: bool) -> list[Tensor | None]:
        """Gradients of inputs, h0, c0 and the weights, in the order of the function's arguments."""
        if self.kept is None:
            self.forward(keeps=True)
        assert self.kept is not None  # noqa: S101  (for the type checker)
        layout, hidden, n_directions = self.layout, self.hidden, self.n_directions
        gates, cells = self.kept
        batch, dtype = layout.n_sequences, gates.dtype
        expect("the states", states, (layout.n_rows, n_directions * hidden), dtype)
        for grad, shape in zip(grads, (states.shape, *[(n_directions, batch, hidden)] * 2), strict=True):
            if grad is not None:
                one_dtype(grad, gates)
                if grad.shape != shape:
                    raise RuntimeError(f"a gradient of shape {tuple(grad.shape)} came for a result of {tuple(shape)}")
        grad_states, grad_h, grad_c = grads
        if grad_states is not None and grad_states.stride(1) != 1:
            grad_states = grad_states.contiguous()
        carried = [
            torch.zeros(n_directions, batch, hidden, dtype=gates.dtype) if grad is None else grad.contiguous().clone()
            for grad in (grad_h, grad_c)
        ]
        jobs = (Direction * n_directions)()
        alive = [packed(weight, transposed=False) for weight in self.weight_hh]
        for d in range(n_directions):
            job = self._job(jobs[d], d, states, cells[d])
            job.weight = alive[d].data_ptr()
            job.gates, job.gates_stride = gates[:, d * 4 * hidden :].data_ptr(), gates.stride(0)
            if grad_states is not None:
                job.grad_states, job.grad_stride = grad_states[:, d * hidden :].data_ptr(), grad_states.stride(0)
            job.grad_hidden, job.grad_cell = carried[0][d].data_ptr(), carried[1][d].data_ptr()
        library().lstmkit_backward(_is_double(gates.dtype), torch.get_num_threads(), n_directions, jobs)

        grad_hh, grad_bias = [], []
        for d in range(n_directions):
            own, before = gates[:, d * 4 * hidden : (d + 1) * 4 * hidden], states[:, d * hidden : (d + 1) * hidden]
            product, sums = sum_outer(own, before, layout.rows_before(reverse=d == 1), sums=True)
            if self.h0 is not None:
                begin = layout.first_rows if d == 0 else layout.last_rows
                product += sum_outer(own[begin], self.h0[d])[0]
            grad_hh.append(product)
            grad_bias.append(sums)
        by_row = gates if self.rows is None else sum_rows(gates, self.rows, len(self.inputs))
        grad_states_0 = [None if self.h0 is None else carried[0], None if self.c0 is None else carried[1]]
        if not self.projects:
            return [by_row, *grad_states_0, *grad_hh]
        grad_inputs = None
        if wants_inputs:
            grad_inputs = empty(*self.inputs.shape, dtype=gates.dtype)
            multiply(by_row, packed(self._weight_ih(), transposed=False), grad_inputs)
        grad_ih, _ = sum_outer(by_row, self.inputs)
        weights: list[Tensor | None] = []
        for d in range(n_directions):
            weights += [grad_ih[d * 4 * hidden : (d + 1) * 4 * hidden], grad_hh[d], grad_bias[d], grad_bias[d]]
        return [grad_inputs, *grad_states_0, *weights]

    def through_the_reference(
        self,
        inputs: Tensor,
        h0: Tensor | None,
        c0: Tensor | None,
        weights: list[Tensor],
        grads: tuple[Tensor | None, ...],
    ) -> list[Tensor | None]:
        """The same gradients as a graph of their own, by running the formulas again under autograd.

        Of aliases: the tensors themselves may come from each other, or be given twice, and a gradient with respect to
        them would then go by those ways too, which the caller's graph goes already.
        """
        inputs, h0, c0, *weights = [  # type: ignore[assignment]
            None if tensor is None else tensor.view_as(tensor) for tensor in (inputs, h0, c0, *weights)
        ]
        size = self.per_direction
        groups = [tuple(weights[k : k + size]) for k in range(0, len(weights), size)]
        run = reference.layer if self.projects else reference.recur
        outputs = run(inputs, self.rows, self.layout, groups, None if h0 is None else (h0, c0))  # type: ignore[arg-type]
        pairs = [(cast(Tensor, o), grad) for o, grad in zip(outputs, grads, strict=True) if grad is not None]
        asked = [inputs, *([] if h0 is None else [h0, c0]), *weights]
        active = [tensor for tensor in asked if tensor is not None and tensor.requires_grad]
        found = iter(
            torch.autograd.grad(
                tuple(output for output, _ in pairs),
                active,
                tuple(grad for _, grad in pairs),
                create_graph=True,
                allow_unused=True,
            )
        )
        by_tensor = [next(found) if t is not None and t.requires_grad else None for t in asked]
        return by_tensor if h0 is not None else [by_tensor[0], None, None, *by_tensor[1:]]


def _project(inputs: Tensor, weight_ih: Tensor, weights: Sequence[Sequence[Tensor]], out: Tensor | None) -> Tensor:
    bias = torch.cat([group[2] + group[3] for group in weights])
    table = empty(len(inputs), len(bias), dtype=bias.dtype) if out is None else out
    return multiply(inputs, packed(weight_ih, transposed=True), table, bias)


def table_of(inputs: Tensor, weights: list[Weights]) -> Tensor:
    """What the gates receive of each row of `inputs (n, features)`: `(n, directions * 4 * hidden)`, without a
    gradient."""
    with torch.no_grad():
        return _project(inputs, torch.cat([group[0] for group in weights]), weights, None)


def layer(
    inputs: Tensor,
    rows: Tensor | None,
    layout: Layout,
    weights: list[Weights],
    state: State | None = None,
    *,
    wants_ends: bool = True,
) -> Results:
    """One layer of an LSTM; arguments and results: `lstmkit.nn.layers.LayerRun`."""
    return _apply(layout, rows, True, inputs, state, [tensor for group in weights for tensor in group])


def recur(
    table: Tensor,
    rows: Tensor | None,
    layout: Layout,
    weights_hh: list[Tensor],
    state: State | None = None,
    *,
    wants_ends: bool = True,
) -> Results:
    """The recurrence alone; arguments and results: `lstmkit.nn.layers.Recurrences`."""
    if rows is None:  # else the gates would be made in the table, which is the caller's
        rows = torch.arange(len(table), dtype=torch.int32)
    return _apply(layout, rows, False, table, state, weights_hh)


def _apply(
    layout: Layout, rows: Tensor | None, projects: bool, inputs: Tensor, state: State | None, weights: list[Tensor]
) -> Results:
    h0, c0 = state or (None, None)
    tensors = [inputs, *weights, *(state or ())]
    keeps = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    return _Layer.apply(layout, rows, keeps, projects, inputs, h0, c0, *weights)
