"""One prediction from the inside: attribution, running answer, gates and states, and the test of the attribution."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int

from lstmkit.analyze.attribution import Attribution, integrated_gradients
from lstmkit.analyze.deletion import Deletion, deletion_curve
from lstmkit.analyze.running import Running, running_probabilities
from lstmkit.analyze.traced import LayerTrace, Trace, difference_from_engine, trace
from lstmkit.core.errors import DataError
from lstmkit.data.encoded import EncodedPart
from lstmkit.data.encoder import UNKNOWN_ID, Encoder
from lstmkit.models import Classifier
from lstmkit.models.scoring import probabilities
from lstmkit.ragged import Layout, Ragged

MOST_CLASSES = 10  # to which a prediction is attributed: each costs a gradient of its own


@dataclass(frozen=True)
class Inside:
    """What one layer held in one direction, token by token.

    Attributes:
        gates: float32 `(tokens, units)` by name: i, f, o, g of an LSTM, r, z, n of a GRU, none of an RNN. g and n are
            the candidates, between -1 and 1; the others lie between 0 and 1.
        cell: float32 `(tokens, units)`, the LSTM's cell state; None for the others.
        hidden: float32 `(tokens, units)`, the state after each token. In the backward direction a token's state is that
            after reading from the end down to it.
    """

    gates: dict[str, Float[np.ndarray, "tokens units"]]
    cell: Float[np.ndarray, "tokens units"] | None
    hidden: Float[np.ndarray, "tokens units"]

    @property
    def kept(self) -> Float[np.ndarray, "tokens units"] | None:
        """The share of a unit's memory that each token leaves: the gate f of an LSTM, z of a GRU; None of an RNN."""
        return self.gates.get("f", self.gates.get("z"))


@dataclass(frozen=True)
class Explanation:
    """One prediction from the inside; all arrays are numpy's, in the order of the tokens that the network read.

    Attributes:
        text: what was given.
        tokens: the pieces of it that were read, as they stand in the text.
        ids: int32 `(tokens,)`, their numbers; 0 is the unknown token.
        spans: where each token begins in the text and one past its end, in characters.
        n_given: tokens of the text before it was truncated; 0 where it has none and one unknown token stands for it.
        hole: how many tokens were read before those that truncation left out; None where it left none out.
        labels: class names.
        cell: lstm, gru or rnn.
        pooling: last, mean, max or max_mean.
        bidirectional: whether the sequence is read from both ends.
        probabilities: float64 `(classes,)`.
        attribution: integrated gradients for the most probable classes, most probable first.
        running: the answer after each token.
        layers: by layer, lowest first, then by direction: forward, and backward where there are two.
        deletion: the curve for the predicted class; None for a sequence of one token, where there is no order to test,
            and of unknown ones alone, where nothing can be deleted.
        engine_difference: the largest difference of a probability between the instrumented network, which gates and
            states were read in, and the engine, which gave the answer.
        twin: the same prediction by the run's twin, where there is one that reads the same tokens.
        twin_left_out: why there is a twin but not its explanation; empty otherwise.
    """

    text: str
    tokens: list[str]
    ids: Int[np.ndarray, " tokens"]
    spans: list[tuple[int, int]]
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

    @property
    def is_known(self) -> np.ndarray:
        """bool `(tokens,)`: which tokens the vocabulary holds."""
        return self.ids != UNKNOWN_ID

    def beside(self, twin: "Explanation") -> "Explanation":
        """This explanation with a twin's; a twin that reads other tokens is left out, with the reason."""
        if np.array_equal(self.ids, twin.ids) and self.labels == twin.labels:
            return replace(self, twin=twin)
        return replace(self, twin_left_out="the twin has another vocabulary or other labels")


def explain(
    network: Classifier,
    encoder: Encoder,
    labels: list[str],
    text: str,
    *,
    most_classes: int = MOST_CLASSES,
    n_orders: int = 20,
    seed: int = 0,
) -> Explanation:
    """Explain the prediction for one text.

    Args:
        network: the trained classifier; it is put into evaluation mode, and back afterwards.
        encoder: its encoder.
        labels: its class names.
        text: what to classify; a sequence of tokens with single spaces between.
        most_classes: how many of the most probable classes are attributed.
        n_orders: random orders of deletion.
        seed: draws them.

    Raises:
        DataError: the text is empty.
        LstmkitError: the instrumented network and the engine differ by more than rounding.
    """
    if not text.strip():
        raise DataError("the text is empty; give a text with at least one token")
    found = encoder.locate(text)
    was_training = network.training
    network.eval()
    try:
        whole = EncodedPart(found.ids, np.array([0, len(found.ids)]), np.zeros(1, dtype=np.int64))
        answer = probabilities(network, whole)[0]
        classes = np.argsort(-answer, kind="stable")[:most_classes]
        attribution = integrated_gradients(network, found.ids, classes.tolist())
        deletion = None
        if len(found.ids) > 1 and (found.ids != UNKNOWN_ID).any():
            deletion = deletion_curve(
                network, found.ids, attribution.values[0], int(classes[0]), n_orders=n_orders, seed=seed
            )
        running = running_probabilities(network, found.ids)
        traced = _traced(network, found.ids)
        engine_difference = difference_from_engine(
            traced.logits.double().softmax(1).cpu().numpy(), answer[None], network.recurrence.engine.name
        )
    finally:
        network.train(was_training)
    return Explanation(
        text=text,
        tokens=[text[start:end] for start, end in found.spans],
        ids=found.ids,
        spans=found.spans,
        n_given=found.n_given,
        hole=found.hole,
        labels=list(labels),
        cell=network.recurrence.cell,
        pooling=network.pooling,
        bidirectional=network.recurrence.bidirectional,
        probabilities=answer,
        attribution=attribution,
        running=running,
        layers=[[_arrays(direction) for direction in layer] for layer in traced.layers],
        deletion=deletion,
        engine_difference=engine_difference,
    )


def _traced(network: Classifier, tokens: Int[np.ndarray, " tokens"]) -> Trace:
    rows = torch.from_numpy(tokens).long().to(network.head.weight.device)
    batch = Ragged(rows, Layout(torch.tensor([len(tokens)])), torch.zeros(1, dtype=torch.int64))
    with torch.no_grad():
        return trace(network, batch)


def _arrays(held: LayerTrace) -> Inside:
    return Inside(
        {name: gate.cpu().numpy() for name, gate in held.gates.items()},
        None if held.cell is None else held.cell.cpu().numpy(),
        held.hidden.cpu().numpy(),
    )
