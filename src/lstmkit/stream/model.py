"""What all streams of a trained model share. Nothing in it changes."""

import hashlib
from functools import cached_property
from typing import cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from lstmkit.artifact import Artifact
from lstmkit.core.errors import RequestError
from lstmkit.core.files import digest_of
from lstmkit.data.encoder import Encoder
from lstmkit.data.encoding import of_tokens
from lstmkit.data.series import SeriesEncoder
from lstmkit.data.speech import SpeechEncoder
from lstmkit.models import Classifier
from lstmkit.models.pooling import Pooling
from lstmkit.nn import EngineChoice
from lstmkit.stream.memory import Memory
from lstmkit.stream.native import NativeProduct, NativeStack, NativeWeights
from lstmkit.stream.reading import Reading
from lstmkit.stream.series_reading import SeriesReading
from lstmkit.stream.sound_reading import SoundReading
from lstmkit.stream.stack import Cell, FormulaProduct, FormulaStack, Stack, Weights
from lstmkit.stream.token_reading import TokenReading


def check_streams(network: Classifier) -> None:
    """See that a network has an answer while its sequence is still arriving.

    Raises:
        RequestError: it reads from both ends.
    """
    if network.recurrence.bidirectional:
        raise RequestError(
            "the model reads each sequence from both ends (model.bidirectional = true), so it has no answer before the "
            "end; a stream needs one direction: train with --preset streaming"
        )


def digest_of_weights(network: Classifier) -> str:
    """A SHA-256 over names, types, shapes and values."""
    found = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        found.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        found.update(_array(tensor).tobytes())
    return found.hexdigest()


class StreamingModel:
    """A trained model, its weights laid out for single steps.

    Args:
        artifact: the model, of one direction. Its weights are copied.
        rate: for a model of recordings, of the samples pushed, in Hz; None: the model's own.
        channels: for a model of recordings, of the samples pushed.
        channels_first: for a model of series, whether a chunk is pushed as `(channels, time)`.

    Attributes:
        labels: class names, in the order of the probabilities.
        engine: what runs the recurrence, and why.
        reading: from what is pushed to what the lowest layer's gates receive.

    Raises:
        RequestError: the model reads from both ends; or a rate or channels came that cannot be, or for another kind
            of sequence.
    """

    def __init__(
        self,
        artifact: Artifact,
        rate: int | float | None = None,
        channels: int = 1,
        *,
        channels_first: bool = False,
    ) -> None:
        network = artifact.network
        check_streams(network)
        self._artifact = artifact
        self.labels = list(artifact.labels)
        self.cell: Cell = network.recurrence.cell
        self.pooling: Pooling = network.pooling
        self._layers = [_weights_of(network, k) for k in range(network.recurrence.num_layers)]
        found = network.recurrence.engine
        is_native = found.name == "native"
        product = NativeProduct if is_native else FormulaProduct
        self.reading = _reading_of(artifact, self._layers[0], self.cell, rate, channels, channels_first, product)
        self._head = product(np.ascontiguousarray(_array(network.head.weight).T), _array(network.head.bias))
        self._native = NativeWeights(self._layers) if is_native else None
        self.engine = found if is_native else EngineChoice("numpy", f"streams know native and numpy; {found.reason}")

    @cached_property
    def digest(self) -> str:
        """Tells this model from any other: a SHA-256 over weights, encoder and labels."""
        weights = digest_of_weights(self._artifact.network)
        return digest_of([weights, *self.reading.identity, self.labels, self.cell, self.pooling])

    def blank(self, n: int) -> Memory:
        """The memory of n streams that have read nothing."""
        first = self._layers[0]
        n_layers, carried = len(self._layers), self.reading.blank(n)
        return Memory.blank(n, first.hidden_size, n_layers, self.cell, self.pooling, first.hh.dtype, carried)

    def new_stack(self) -> Stack:
        """The layers, with work space of their own."""
        return NativeStack(self._native) if self._native else FormulaStack(self.cell, self._layers)

    def answer(self, pooled: Float[np.ndarray, "streams pooled"]) -> Float[np.ndarray, "streams classes"]:
        """Class probabilities, in float64."""
        logits = self._head(pooled).astype(np.float64)
        logits -= logits.max(1, keepdims=True)
        np.exp(logits, out=logits)
        logits /= logits.sum(1, keepdims=True)
        return logits

    def answers(self, memory: Memory) -> Float[np.ndarray, "streams classes"]:
        """Class probabilities of streams so far; NaN of one that has read no step, where its reading waits."""
        if not self.reading.waits or memory.n_steps.all():
            return self.answer(memory.pooled())
        found = np.full((len(memory.n_steps), len(self.labels)), np.nan)
        if len(read := np.flatnonzero(memory.n_steps)):
            found[read] = self.answer(memory.rows(read).pooled())
        return found


def _reading_of(
    artifact: Artifact,
    lowest: Weights,
    cell: Cell,
    rate: int | float | None,
    channels: int,
    channels_first: bool,
    product: type[NativeProduct] | type[FormulaProduct],
) -> Reading:
    """The reading that suits the model's kind of sequence, with embedding or projection folded into the gates.

    Raises:
        RequestError: a rate or channels came that cannot be, or for another kind of sequence.
    """
    embedding, bias, encoder = artifact.network.embedding, lowest.input_bias(cell), artifact.encoder
    if not isinstance(encoder, SpeechEncoder) and (rate is not None or channels != 1):
        raise RequestError(f"rate and channels are of recordings, and this model reads {encoder.kind}; leave them out")
    if isinstance(embedding, nn.Linear) and not isinstance(encoder, Encoder):
        # Folded in float64, so that one product rounds once where the network's two round twice.
        ih = lowest.ih.astype(np.float64)
        folded = (ih @ _array(embedding.weight)).T.astype(bias.dtype)
        folded_bias = (ih @ _array(embedding.bias) + bias).astype(bias.dtype)
        if isinstance(encoder, SeriesEncoder):
            of_rows = product(np.ascontiguousarray(folded), folded_bias)
            return SeriesReading(encoder, of_rows, channels_first=channels_first)
        return SoundReading(encoder, product(np.ascontiguousarray(folded), folded_bias), rate, channels)
    encoder = of_tokens(encoder, "a stream")
    table = torch.addmm(torch.from_numpy(bias), embedding.weight.detach().cpu(), torch.from_numpy(lowest.ih).T)
    return TokenReading(encoder, table.numpy())


def _weights_of(network: Classifier, layer: int) -> Weights:
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return Weights(*(_array(cast(Tensor, getattr(network.recurrence, f"{name}_l{layer}"))) for name in names))


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().contiguous().numpy().copy()
