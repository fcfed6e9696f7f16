"""A network's answers for many sequences."""

import numpy as np
import torch
from jaxtyping import Float

from lstmkit.data.batching import collate, sorted_batches
from lstmkit.data.encoded import EncodedPart
from lstmkit.models.classifier import Classifier

_ROWS = 65_536  # most padded rows in a scoring batch: bounds memory whatever the lengths


def probabilities(network: Classifier, part: EncodedPart, batch_size: int = 256) -> Float[np.ndarray, "n classes"]:
    """Class probabilities (float64) of every sequence of a part, in the part's order.

    Args:
        network: it is put into evaluation mode, and back afterwards.
        part: encoded sequences; their labels are not looked at.
        batch_size: most sequences at once; long ones go in smaller batches.
    """
    was_training = network.training
    network.eval()
    answers = np.zeros((len(part), network.head.out_features))
    with torch.inference_mode():
        for group in sorted_batches(part.lengths, batch_size):
            size = max(1, min(len(group), _ROWS // int(part.lengths[group[0]])))
            for start in range(0, len(group), size):
                chosen = group[start : start + size]
                batch, _ = collate(part, chosen)
                logits = network(batch.to(network.head.weight.device))
                answers[chosen] = logits.double().softmax(1).cpu().numpy()
    network.train(was_training)
    return answers
