"""The shapes that `engine.py` measures."""

from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["tokens", "dense", "imdb", "step"]
Mode = Literal["train", "forward"]
KINDS: tuple[Kind, ...] = ("tokens", "dense", "imdb", "step")


@dataclass(frozen=True)
class Shape:
    """One row of the table.

    Attributes:
        kind: tokens, dense, imdb or step.
        batch: sequences.
        steps: of the longest sequence.
        input: features of a step.
        hidden: units of each direction.
        ragged: whether lengths lie evenly between about a quarter of `steps` and `steps`.
        mode: train is forward and backward, forward is forward alone, without a graph.
        bidirectional: whether sequences are read from both ends.
        input_grad: dense: whether the input wants a gradient, as between layers.
        reads_tokens: step: whether a step is a token, for each side with its embedding.
        vocabulary: tokens.
    """

    kind: Kind
    batch: int
    steps: int
    input: int
    hidden: int
    ragged: bool = False
    mode: Mode = "train"
    bidirectional: bool = False
    input_grad: bool = False
    reads_tokens: bool = False
    vocabulary: int = 20_000


FIELD = [  # the table that the engine was designed by
    Shape("tokens", 64, 250, 128, 128),
    Shape("tokens", 64, 396, 128, 128, ragged=True),
    Shape("tokens", 32, 250, 100, 256),
    Shape("tokens", 64, 250, 128, 64),
    Shape("tokens", 64, 250, 300, 256),
]


def shapes(quick: bool) -> list[Shape]:
    """All shapes but those of IMDB, whose batches come from the data; quick leaves out the slowest and most rare."""
    large_steps = 60 if quick else 250
    tokens = [
        *FIELD,
        Shape("tokens", 64, 250, 128, 32),
        Shape("tokens", 64, large_steps, 128, 512),
        Shape("tokens", 64, large_steps, 128, 1024),
        Shape("tokens", 64, 396, 128, 64, ragged=True),
        *(Shape("tokens", batch, 250, 128, 128) for batch in (1, 8, 32, 256)),
    ]
    dense = [
        *(Shape("dense", 64, 250, channels, hidden) for channels in (12, 40, 128) for hidden in (64, 128, 256)),
        Shape("dense", 64, 250, 128, 128, input_grad=True),
        Shape("dense", 64, 396, 40, 128, ragged=True),
    ]
    if quick:
        forward = [FIELD[0], FIELD[1], dense[4]]
    else:
        tokens += [
            Shape("tokens", 64, 396, 128, 256, ragged=True),
            Shape("tokens", 64, 396, 128, 512, ragged=True),
            *(Shape("tokens", batch, 396, 128, 128, ragged=True) for batch in (8, 32, 256)),
        ]
        dense += [
            *(Shape("dense", 64, 250, 128, hidden) for hidden in (32, 512, 1024)),
            *(Shape("dense", batch, 250, 40, 128) for batch in (1, 8, 32, 256)),
            *(Shape("dense", 64, 250, 128, hidden, bidirectional=True) for hidden in (64, 128)),
        ]
        forward = [*tokens, *dense]
    step = [
        Shape("step", batch, 1, 128, hidden, mode="forward")
        for batch, hidden in ((1, 128), (1, 32), (1, 512), (8, 128), (64, 128))
    ]
    step.append(replace(step[0], reads_tokens=True))
    return [*tokens, *dense, *(replace(shape, mode="forward") for shape in forward if not shape.input_grad), *step]
