"""What every engine computes: one layer of an LSTM, in one or two directions, over ragged rows."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

from lstmkit.ragged import Layout

Weights = tuple[Tensor, Tensor, Tensor, Tensor]
"""`weight_ih (gates*hidden, input)`, `weight_hh (gates*hidden, hidden)`, `bias_ih`, `bias_hh (gates*hidden)`."""

State = tuple[Float[Tensor, "directions batch hidden"], Float[Tensor, "directions batch hidden"]]
"""`h, c` of each direction and sequence, longest sequence first."""


Results = tuple[
    Float[Tensor, "rows states"],
    Float[Tensor, "directions batch hidden"] | None,
    Float[Tensor, "directions batch hidden"] | None,
]
"""Hidden states `(rows, directions * hidden)`, forward features first, in the order of the batch's rows; `h_n` and
`c_n`, the state that each direction ends in, or None where they were not wanted."""


@runtime_checkable
class LayerRun(Protocol):
    """An engine's layer. A function of its arguments alone; no argument is changed."""

    def __call__(
        self,
        inputs: Float[Tensor, "distinct features"],
        rows: Int[Tensor, " rows"] | None,
        layout: Layout,
        weights: list[Weights],
        state: State | None = None,
        *,
        wants_ends: bool = True,
    ) -> Results:
        """Run the layer.

        Args:
            inputs: what the steps read. Tokens repeat, so each distinct one stands here once.
            rows: int32; row r of the batch reads `inputs[rows[r]]`. None: `inputs[r]`.
            layout: where each step of each sequence lies.
            weights: of the forward direction, and of the backward one where there are two.
            state: where each sequence begins; None: zeros.
            wants_ends: whether `h_n` and `c_n` will be used; an engine may leave them out otherwise.
        """
        ...


@runtime_checkable
class Recurrences(Protocol):
    """An engine's recurrence alone, behind the input projection."""

    def __call__(
        self,
        table: Float[Tensor, "distinct gates"],
        rows: Int[Tensor, " rows"] | None,
        layout: Layout,
        weights_hh: list[Tensor],
        state: State | None = None,
        *,
        wants_ends: bool = True,
    ) -> Results:
        """As `LayerRun`, over `table = inputs @ weight_ih.T + bias_ih + bias_hh`, the directions beside each other."""
        ...


def check_shapes(
    layout: Layout, rows: Tensor | None, inputs: Tensor, state: State | None, groups: Sequence[Sequence[Tensor]]
) -> None:
    """See that arrays are as long as compiled code will read them, the library's and torch's own.

    Args:
        groups: weights by direction, of a layer or of a recurrence alone; for the others see `LayerRun`.

    Raises:
        RuntimeError: they are not.
    """
    n, projects = len(groups), len(groups[0]) > 1
    hidden = groups[0][projects].shape[1]
    features, gates = groups[0][0].shape[1] if projects else n * 4 * hidden, 4 * hidden
    own: list[tuple[int, ...]] = [(gates, features), (gates, hidden), (gates,), (gates,)]
    ends = [(n, layout.n_sequences, hidden)] * 2 if state else []
    wanted = [(layout.n_rows if rows is None else len(inputs), features), *ends]
    wanted += (own if projects else own[1:2]) * n
    found = [tensor.shape for tensor in (inputs, *(state or ()), *(tensor for group in groups for tensor in group))]
    if rows is not None:
        found, wanted = [*found, rows.shape], [*wanted, (layout.n_rows,)]
    if found != wanted:
        came, taken = next(pair for pair in zip(found, wanted, strict=True) if pair[0] != pair[1])
        raise RuntimeError(
            f"a tensor of shape {tuple(came)} came where {layout.n_rows} rows, {layout.n_sequences} sequences and "
            f"{hidden} units take {taken}; give the layout and the weights that belong to the input"
        )
