"""A network's answers for many sequences."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from lstmkit.core.errors import ArtifactError
from lstmkit.data.batching import batch_of, sorted_batches
from lstmkit.data.encoded import EncodedPart
from lstmkit.models.classifier import Classifier
from lstmkit.models.pooling import running_pool
from lstmkit.models.quantiles import quantiles_of
from lstmkit.nn import frozen_weights

_ROWS = 65_536  # most padded rows in a scoring batch: bounds memory whatever the lengths
_RUNNING_ROWS = 16_384  # the same where every row is pooled and has an answer


def probabilities(network: Classifier, part: EncodedPart, batch_size: int = 256) -> Float[np.ndarray, "n classes"]:
    """Class probabilities (float64) of every sequence of a part, in the part's order.

    Args:
        network: it is put into evaluation mode, and back afterwards.
        part: encoded sequences; labels are not needed.
        batch_size: most sequences at once; long ones go in smaller batches.

    Raises:
        ArtifactError: an answer is not finite.
    """
    return _answers(network, part, batch_size, lambda logits: logits.softmax(1))


def outputs(network: Classifier, part: EncodedPart, batch_size: int = 256) -> Float[np.ndarray, "n outputs"]:
    """What the last layer gives (float64) for every sequence of a part; arguments as for `probabilities`."""
    return _answers(network, part, batch_size, lambda given: given)


def quantile_forecasts(
    network: Classifier, part: EncodedPart, batch_size: int = 256
) -> Float[np.ndarray, "n horizon quantiles"]:
    """Rising quantiles of each step ahead (float64), in the scale of each window; arguments as for `probabilities`."""
    return quantiles_of(torch.from_numpy(outputs(network, part, batch_size))).numpy()


def _answers(
    network: Classifier, part: EncodedPart, batch_size: int, finish: Callable[[Tensor], Tensor]
) -> Float[np.ndarray, "n outputs"]:
    was_training = network.training
    network.eval()
    answers = np.zeros((len(part), network.head.out_features))
    with torch.inference_mode(), frozen_weights():
        for group in sorted_batches(part.lengths, batch_size):
            size = max(1, min(len(group), _ROWS // int(part.lengths[group[0]])))
            for start in range(0, len(group), size):
                chosen = group[start : start + size]
                batch = batch_of(part, chosen)
                given = network(batch.to(network.head.weight.device))
                answers[chosen] = finish(given.double()).cpu().numpy()
    network.train(was_training)
    if not np.isfinite(answers).all():
        row = int((~np.isfinite(answers)).any(1).argmax())
        raise ArtifactError(
            f"the network gives NaN or infinity for sequence {row + 1}: its weights, or the scales of its encoder, are "
            "beyond all bounds; train again with a lower rate"
        )
    return answers


def running_answers(
    network: Classifier, part: EncodedPart, batch_size: int = 256
) -> tuple[Int[np.ndarray, " tokens"], Float[np.ndarray, " tokens"]]:
    """What a network that reads forwards says after each token of every sequence of a part, in one pass.

    Args:
        network: in evaluation mode, of one direction.
        part: encoded sequences; labels are not needed.
        batch_size: most sequences at once; long ones go in smaller batches.

    Returns:
        The most probable class (int64) and its probability (float64) after each token, in the order of `part.rows`.

    Raises:
        ValueError: the network reads from both ends.
    """
    if network.recurrence.bidirectional:
        raise ValueError("a network of two directions has no answer before the end")
    best = np.zeros(len(part.rows), dtype=np.int64)
    confidence = np.zeros(len(part.rows))
    with torch.inference_mode(), frozen_weights():
        for group in sorted_batches(part.lengths, batch_size):
            size = max(1, min(len(group), _RUNNING_ROWS // int(part.lengths[group[0]])))
            for start in range(0, len(group), size):
                chosen = group[start : start + size]
                batch = batch_of(part, chosen)
                layout = batch.layout
                rows = batch.to(network.head.weight.device).rows
                states = network.states(rows, layout)
                logits = network.head(running_pool(states, layout, network.pooling))
                largest, at = logits.double().softmax(1).max(1)
                begins = torch.from_numpy(part.offsets[chosen])[batch.order]
                places = (begins[layout.sequence_of_row] + layout.step_of_row).numpy()
                best[places], confidence[places] = at.cpu().numpy(), largest.cpu().numpy()
    return best, confidence
