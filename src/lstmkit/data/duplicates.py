"""When two texts count as one: equal once white space and case are folded."""

import hashlib
from collections.abc import Iterable


def digest_of_text(text: str) -> bytes:
    """Sixteen bytes that two texts share where they are duplicates; a set of them is small beside the texts."""
    folded = " ".join(text.split()).casefold().encode()
    return hashlib.blake2b(folded, digest_size=16).digest()


def n_known(texts: Iterable[str], known: Iterable[str]) -> int:
    """How many of `texts` also stand in `known`."""
    digests = {digest_of_text(text) for text in known}
    return sum(digest_of_text(text) in digests for text in texts)
