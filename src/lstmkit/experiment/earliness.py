"""How early a trained model is right on a part of the data, read as a stream reads it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from lstmkit.artifact import Artifact
from lstmkit.data.encoded import EncodedPart
from lstmkit.data.sources import Part
from lstmkit.evaluate.earliness import earliness
from lstmkit.models.scoring import running_answers
from lstmkit.stream.model import check_streams

_UNBOUNDED = 2**62


def earliness_of(artifact: Artifact, part: Part, split: str) -> dict[str, Any]:
    """The record `earliness.json`.

    Args:
        artifact: the model, of one direction.
        part: labelled examples, every label one of the model's. They are read whole: a stream does not truncate.
        split: what the part is called.

    Returns:
        See `lstmkit.evaluate.earliness.earliness`; and `format`, `split`, `n_longer`: how many examples are longer
        than the model's `max_length`, so that its other numbers are of a shortened text and these of the whole.

    Raises:
        RequestError: the model reads from both ends.
    """
    check_streams(artifact.network)
    number = {label: k for k, label in enumerate(artifact.labels)}
    labels = np.array([number[label] for label in part.labels], dtype=np.int64)
    whole = replace(artifact.encoder, max_length=_UNBOUNDED)
    encoded = EncodedPart(*whole.encode(part.inputs))
    best, confidence = running_answers(artifact.network, encoded)
    found = earliness(best == np.repeat(labels, encoded.lengths), confidence, encoded.offsets)
    n_longer = int((encoded.lengths > artifact.encoder.max_length).sum())
    return {"format": 1, "split": split, "n_longer": n_longer, **found}


def table_of(record: dict[str, Any]) -> Iterator[str]:
    """The record in lines for people."""
    yield "share seen   accuracy      95% interval"
    for row in record["by_share"]:
        yield f"{row['share']:>10.0%}   {row['accuracy']:>8.2%}   {_interval(row)}"
    yield ""
    yield "decided at   accuracy      95% interval   mean share seen   decided"
    for row in record["decisions"]:
        shares = f"{row['mean_share_seen']:>15.1%}   {row['share_decided']:>7.1%}"
        yield f"{row['threshold']:>10.2f}   {row['accuracy']:>8.2%}   {_interval(row)}   {shares}"


def _interval(row: dict[str, Any]) -> str:
    low, high = row["accuracy_ci95"]
    return f"{low:.2%} to {high:.2%}"
