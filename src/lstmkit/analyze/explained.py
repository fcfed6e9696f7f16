"""One prediction from the inside: attribution, running answer, gates and states, and the test of the attribution."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from lstmkit.analyze.attribution import Attribution
from lstmkit.analyze.deletion import Deletion
from lstmkit.analyze.running import Running
from lstmkit.data.encoder import UNKNOWN_ID


@dataclass(frozen=True)
class Inside:
    """What one layer held in one direction, step by step.

    Attributes:
        gates: float32 `(steps, units)` by name: i, f, o, g of an LSTM, r, z, n of a GRU, none of an RNN. g and n are
            the candidates, between -1 and 1; the others lie between 0 and 1.
        cell: float32 `(steps, units)`, the LSTM's cell state; None for the others.
        hidden: float32 `(steps, units)`, the state after each step. In the backward direction a step's state is that
            after reading from the end down to it.
    """

    gates: dict[str, Float[np.ndarray, "steps units"]]
    cell: Float[np.ndarray, "steps units"] | None
    hidden: Float[np.ndarray, "steps units"]

    @property
    def kept(self) -> Float[np.ndarray, "steps units"] | None:
        """The share of a unit's memory that each step leaves: the gate f of an LSTM, z of a GRU; None of an RNN."""
        return self.gates.get("f", self.gates.get("z"))


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """One prediction from the inside; all arrays are numpy's, in the order of the steps that the network read.

    Attributes:
        rows: what the network read: int32 `(steps,)`, token numbers, or of a series float32 `(steps, features)`.
        n_given: steps of the input before it was truncated; 0 of a text that has no token, for which one unknown token
            stands.
        hole: how many steps were read before those that truncation left out; None where it left none out.
        labels: class names.
        cell: lstm, gru or rnn.
        pooling: last, mean, max or max_mean.
        bidirectional: whether the sequence is read from both ends.
        probabilities: float64 `(classes,)`.
        attribution: integrated gradients for the most probable classes, most probable first.
        running: the answer after each step.
        layers: by layer, lowest first, then by direction: forward, and backward where there are two.
        deletion: the curve for the predicted class; None where there is a single token or value, and so no order to
            test, and where the input is the baseline itself, so that nothing can be deleted.
        engine_difference: the largest difference of a probability between the instrumented network, which gates and
            states were read in, and the engine, which gave the answer.
        twin: the same prediction by the run's twin, where there is one that reads the same rows.
        twin_left_out: why there is a twin but not its explanation; empty otherwise.
    """

    rows: Int[np.ndarray, " steps"] | Float[np.ndarray, "steps features"]
    n_given: int
    hole: int | None
    labels: list[str]
    cell: str
    pooling: str
    bidirectional: bool
    probabilities: Float[np.ndarray, " classes"]
    attribution: Attribution
    running: Running
    layers: list[list[Inside]]
    deletion: Deletion | None
    engine_difference: float
    twin: "Explanation | None" = None
    twin_left_out: str = ""

    @property
    def predicted(self) -> str:
        """The most probable label."""
        return self.labels[int(self.probabilities.argmax())]

    def beside(self, twin: "Explanation") -> "Explanation":
        """This explanation with a twin's; a twin that reads other rows is left out, with the reason."""
        if np.array_equal(self.rows, twin.rows) and self.labels == twin.labels:
            return replace(self, twin=twin)
        return replace(self, twin_left_out=f"the twin {self._reads_otherwise} or other labels")

    @property
    def _reads_otherwise(self) -> str:
        return "scales its input otherwise, or has other channels"


@dataclass(frozen=True, kw_only=True)
class TextExplanation(Explanation):
    """Of a text, or of a sequence of tokens.

    Attributes:
        text: what was given.
        tokens: the pieces of it that were read, as they stand in the text.
        spans: where each token begins in the text and one past its end, in characters.
    """

    text: str
    tokens: list[str]
    spans: list[tuple[int, int]]

    @property
    def ids(self) -> Int[np.ndarray, " tokens"]:
        """int32 `(tokens,)`: the tokens' numbers; 0 is the unknown token."""
        return self.rows

    @property
    def is_known(self) -> np.ndarray:
        """bool `(tokens,)`: which tokens the vocabulary holds."""
        return self.rows != UNKNOWN_ID

    @property
    def _reads_otherwise(self) -> str:
        return "has another vocabulary"


@dataclass(frozen=True, kw_only=True)
class SeriesExplanation(Explanation):
    """Of a numeric series, or of a recording, whose steps are frames and whose channels are features.

    Attributes:
        kind: series or audio.
        channels: their names.
        places: int64 `(steps,)`, which steps of the series were read, counted from 0.
        values: float32 `(steps, channels)` as they were given; NaN where one is missing.
        filled: float64 `(steps, channels)`, the same with what was read in the place of those that are missing.
        means: float64 `(channels,)`, the baseline of the attribution: the channel's mean in training.
        channel_of: int64 `(features,)`, the channel of each feature of a row: of its value, or of its mask.
    """

    kind: Literal["series", "audio"]
    channels: list[str]
    places: Int[np.ndarray, " steps"]
    values: Float[np.ndarray, "steps channels"]
    filled: Float[np.ndarray, "steps channels"]
    means: Float[np.ndarray, " channels"]
    channel_of: Int[np.ndarray, " features"]

    @property
    def by_channel(self) -> Float[np.ndarray, "classes steps channels"]:
        """What each channel adds at each step, in nats: its value and, where it has one, its mask together."""
        return channel_sums(self.attribution, self.channel_of)


def channel_sums(
    attribution: Attribution, channel_of: Int[np.ndarray, " features"]
) -> Float[np.ndarray, "classes steps channels"]:
    """Attributions of a series by step and channel, from those by feature."""
    if attribution.by_feature is None:
        raise ValueError("tokens have no features")
    member = channel_of[:, None] == np.arange(channel_of.max() + 1)
    return attribution.by_feature @ member.astype(np.float64)
