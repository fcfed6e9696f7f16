"""torch's `PackedSequence` layout, with the index arithmetic that every floor above shares.

Example: sequences a = (a0 a1 a2), b = (b0 b1), c = (c0), longest first::

    rows         a0 b0 c0 | a1 b1 | a2
    batch_sizes  3          2       1

Row `starts[t] + k` is step t of the k-th longest sequence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Int, Shaped
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence


@dataclass(frozen=True)
class Layout:
    """Where each step of each sequence lies.

    Attributes:
        lengths: int64 `(batch,)` on the CPU, not increasing, each at least 1.
    """

    lengths: Int[Tensor, " batch"]

    def __post_init__(self) -> None:
        if self.lengths.numel() == 0:
            raise ValueError("a batch holds at least one sequence; it has none")
        if int(self.lengths.min()) < 1:
            raise ValueError("a sequence of length 0 has no states; leave empty sequences out")
        if bool((self.lengths[1:] > self.lengths[:-1]).any()):
            raise ValueError("lengths must not increase; sort the sequences, longest first")

    @property
    def n_sequences(self) -> int:
        """How many sequences the batch holds."""
        return len(self.lengths)

    @property
    def n_steps(self) -> int:
        """The length of the longest sequence."""
        return int(self.lengths[0])

    @property
    def n_rows(self) -> int:
        """Steps of all sequences together."""
        return int(self.offsets[-1])

    @property
    def is_rectangular(self) -> bool:
        """Whether all sequences have one length."""
        return bool(self.lengths[0] == self.lengths[-1])

    @cached_property
    def batch_sizes(self) -> Int[Tensor, " time"]:
        """How many sequences are still running at each step, int64 `(time,)`."""
        ended = torch.bincount(self.lengths, minlength=self.n_steps + 1)
        return self.n_sequences - ended.cumsum(0)[:-1]

    @cached_property
    def offsets(self) -> Int[Tensor, " time_plus_1"]:
        """Row at which each step begins, and one past the last row, int64 `(time + 1,)`."""
        return torch.cat([self.batch_sizes.new_zeros(1), self.batch_sizes.cumsum(0)])

    @property
    def starts(self) -> Int[Tensor, " time"]:
        """Row at which each step begins, int64 `(time,)`."""
        return self.offsets[:-1]

    @cached_property
    def step_of_row(self) -> Int[Tensor, " rows"]:
        """The step that each row belongs to, int64 `(rows,)`."""
        return torch.repeat_interleave(torch.arange(self.n_steps), self.batch_sizes)

    @cached_property
    def sequence_of_row(self) -> Int[Tensor, " rows"]:
        """The sequence that each row belongs to, int64 `(rows,)`."""
        return torch.arange(self.step_of_row.numel()) - self.starts[self.step_of_row]

    @cached_property
    def padded_position(self) -> Int[Tensor, " rows"]:
        """Each row's place in a `(time * batch)` rectangle, int64 `(rows,)`."""
        return self.step_of_row * self.n_sequences + self.sequence_of_row

    @cached_property
    def reversal(self) -> Int[Tensor, " rows"]:
        """The row that each row trades places with when every sequence is read from its own end, int64 `(rows,)`."""
        return self.starts[self.lengths[self.sequence_of_row] - 1 - self.step_of_row] + self.sequence_of_row

    @cached_property
    def last_rows(self) -> Int[Tensor, " batch"]:
        """The row of each sequence's last step, int64 `(batch,)`."""
        return self.starts[self.lengths - 1] + torch.arange(self.n_sequences)

    @property
    def first_rows(self) -> Int[Tensor, " batch"]:
        """The row of each sequence's first step, int64 `(batch,)`."""
        return torch.arange(self.n_sequences)

    def rows_before(self, reverse: bool) -> Int[Tensor, " rows"]:
        """The row of the step that is read before each row, int32 `(rows,)`; -1 where a sequence is begun.

        Args:
            reverse: whether each sequence is read from its own end.
        """
        return self._rows_after if reverse else self._rows_earlier

    @cached_property
    def _rows_earlier(self) -> Int[Tensor, " rows"]:
        first = self.n_sequences
        if self.is_rectangular:
            rows = torch.arange(-first, self.n_rows - first, dtype=torch.int32)
        else:
            rows = torch.arange(self.n_rows, dtype=torch.int32)
            rows[first:] -= torch.repeat_interleave(self.batch_sizes[:-1], self.batch_sizes[1:]).int()
        rows[:first] = -1
        return rows

    @cached_property
    def _rows_after(self) -> Int[Tensor, " rows"]:
        rows = torch.arange(self.n_rows, dtype=torch.int32)
        rows += torch.repeat_interleave(self.batch_sizes, self.batch_sizes).int()
        rows[self.last_rows] = -1
        return rows

    def to_padded(
        self, rows: Shaped[Tensor, "rows *features"], fill: float = 0.0
    ) -> Shaped[Tensor, "time batch *features"]:
        """Lay rows out in a rectangle, `fill` where a sequence has ended."""
        shape = (self.n_steps, self.n_sequences, *rows.shape[1:])
        if self.is_rectangular:
            return rows.view(shape)
        flat = rows.new_full((self.n_steps * self.n_sequences, *rows.shape[1:]), fill)
        return flat.index_copy(0, self.padded_position.to(rows.device), rows).view(shape)

    def from_padded(self, padded: Shaped[Tensor, "time batch *features"]) -> Shaped[Tensor, "rows *features"]:
        """Take the valid rows out of a rectangle."""
        flat = padded.reshape(-1, *padded.shape[2:])
        return flat if self.is_rectangular else flat.index_select(0, self.padded_position.to(flat.device))

    def reversed_rows(self, rows: Shaped[Tensor, "rows *features"]) -> Shaped[Tensor, "rows *features"]:
        """Each sequence from its own end to its start; doing it twice gives the rows back."""
        return rows.index_select(0, self.reversal.to(rows.device))


@dataclass(frozen=True)
class Ragged:
    """A batch of sequences.

    Attributes:
        rows: `(rows, *features)`, time-major.
        layout: where each step of each sequence lies.
        order: int64 `(batch,)`; `order[k]` is the place that the k-th longest sequence had when it was given.
    """

    rows: Shaped[Tensor, "rows *features"]
    layout: Layout
    order: Int[Tensor, " batch"]

    @classmethod
    def from_sequences(cls, sequences: Sequence[Shaped[Tensor, "_ ..."]]) -> "Ragged":
        """Batch sequences given in any order; equal lengths keep the order given.

        Raises:
            ValueError: there is no sequence, or one is empty.
        """
        given = torch.tensor([len(sequence) for sequence in sequences], dtype=torch.int64)
        lengths, order = given.sort(descending=True, stable=True)
        layout = Layout(lengths)
        end_to_end = torch.cat([sequences[k] for k in order.tolist()])
        offsets = lengths.cumsum(0) - lengths
        return cls(end_to_end.index_select(0, offsets[layout.sequence_of_row] + layout.step_of_row), layout, order)

    @classmethod
    def from_packed(cls, packed: PackedSequence) -> "Ragged":
        """Take a `PackedSequence` over, its rows unmoved.

        Raises:
            ValueError: its batch sizes grow, or are not those of its rows.
        """
        sizes = packed.batch_sizes
        if bool((sizes[1:] > sizes[:-1]).any()) or int(sizes.sum()) != len(packed.data):
            raise ValueError(
                f"batch_sizes of {len(packed.data)} rows must not grow, and add up to the rows; they begin with "
                f"{sizes[:8].tolist()} and add up to {int(sizes.sum())}; make the batch with pack_sequence"
            )
        # A sequence has as many steps as there are sizes above its place, and sizes never grow.
        lengths = len(sizes) - torch.searchsorted(sizes.flip(0), torch.arange(int(sizes[0])), right=True)
        order = packed.sorted_indices if packed.sorted_indices is not None else torch.arange(int(sizes[0]))
        return cls(packed.data, Layout(lengths), order)

    def to(self, device: torch.device) -> "Ragged":
        """The batch with its rows on `device`; the layout stays on the CPU."""
        return Ragged(self.rows.to(device), self.layout, self.order)

    def to_given_order(self, per_sequence: Shaped[Tensor, "batch *features"]) -> Shaped[Tensor, "batch *features"]:
        """One value a sequence, longest first, back into the order in which the sequences were given."""
        inverse = torch.empty_like(self.order)
        inverse[self.order] = torch.arange(self.order.numel())
        return per_sequence.index_select(0, inverse.to(per_sequence.device))
