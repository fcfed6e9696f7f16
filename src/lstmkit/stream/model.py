"""What all streams of a trained model share. Nothing in it changes."""

import hashlib
from functools import cached_property
from typing import cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from lstmkit.artifact import Artifact
from lstmkit.core.errors import RequestError
from lstmkit.core.files import digest_of
from lstmkit.data.encoding import of_tokens
from lstmkit.models import Classifier
from lstmkit.models.pooling import Pooling
from lstmkit.nn import EngineChoice
from lstmkit.stream.memory import Memory
from lstmkit.stream.native import NativeStack, NativeWeights
from lstmkit.stream.reading import Reading
from lstmkit.stream.stack import Cell, FormulaStack, Stack, Weights


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


class StreamingModel:
    """A trained model, its weights laid out for single steps.

    Args:
        artifact: the model, of one direction. Its weights are copied.

    Attributes:
        labels: class names, in the order of the probabilities.
        engine: what runs the recurrence, and why.
        table: `(tokens, gates * hidden)`: what the lowest layer's gates receive of each token of the vocabulary.

    Raises:
        RequestError: the model reads from both ends.
    """

    def __init__(self, artifact: Artifact) -> None:
        network = artifact.network
        check_streams(network)
        self._artifact = artifact
        self.labels = list(artifact.labels)
        encoder = of_tokens(artifact.encoder, "a stream")
        self.reading = Reading(encoder)
        self.cell: Cell = network.recurrence.cell
        self.pooling: Pooling = network.pooling
        self._layers = [_weights_of(network, k) for k in range(network.recurrence.num_layers)]
        lowest = self._layers[0]
        embedding = torch.from_numpy(_array(network.embedding.weight))
        bias = torch.from_numpy(lowest.input_bias(self.cell))
        self.table: Float[np.ndarray, "tokens gates"] = torch.addmm(
            bias, embedding, torch.from_numpy(lowest.ih).T
        ).numpy()
        self._head = np.ascontiguousarray(_array(network.head.weight).T)
        self._head_bias = _array(network.head.bias)
        found = network.recurrence.engine
        is_native = found.name == "native"
        self._native = NativeWeights(self._layers) if is_native else None
        self.engine = found if is_native else EngineChoice("numpy", f"streams know native and numpy; {found.reason}")

    @cached_property
    def digest(self) -> str:
        """Tells this model from any other: a SHA-256 over weights, tokenizer and labels."""
        found = hashlib.sha256()
        for name, tensor in sorted(self._artifact.network.state_dict().items()):
            found.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
            found.update(_array(tensor).tobytes())
        encoder = of_tokens(self._artifact.encoder, "a stream")
        about = [found.hexdigest(), encoder.kind, encoder.to_json(), self.labels, self.cell, self.pooling]
        return digest_of(about)

    def blank(self, n: int) -> Memory:
        """The memory of n streams that have read nothing."""
        first = self._layers[0]
        return Memory.blank(n, first.hidden_size, len(self._layers), self.cell, self.pooling, first.hh.dtype)

    def new_stack(self) -> Stack:
        """The layers, with work space of their own."""
        return NativeStack(self._native) if self._native else FormulaStack(self.cell, self._layers)

    def answer(self, pooled: Float[np.ndarray, "streams pooled"]) -> Float[np.ndarray, "streams classes"]:
        """Class probabilities, in float64."""
        logits = (pooled @ self._head + self._head_bias).astype(np.float64)
        logits -= logits.max(1, keepdims=True)
        np.exp(logits, out=logits)
        logits /= logits.sum(1, keepdims=True)
        return logits


def _weights_of(network: Classifier, layer: int) -> Weights:
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return Weights(*(_array(cast(Tensor, getattr(network.recurrence, f"{name}_l{layer}"))) for name in names))


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().contiguous().numpy().copy()
