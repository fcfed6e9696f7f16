"""Sequences that are nearly the same, found among many in one pass: MinHash over runs of tokens, then a count.

Broder 1997, "On the resemblance and containment of documents"; bands as in Leskovec, Rajaraman and Ullman, "Mining of
Massive Datasets", section 3.4.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from jaxtyping import Int, UInt64

RESEMBLANCE = 0.8  # of two sets of runs: what they share, of what either has
FEWEST_TOKENS = 32  # of shorter sequences a word or two is the whole difference, and often the point
_RUN = 5  # tokens
_SAMPLED = 4  # one run of so many is looked at for candidates, chosen by its hash; all are counted in the end
# Of sequences that resemble each other by 0.8, 98 in 100 agree in a band; by 0.9, all but one in 1,000.
_N_BANDS, _ROWS = 4, 2
_MOST_CANDIDATES = 3  # of a band; what is common to more is a form letter

_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))  # of splitmix64 (Steele et al. 2014)
_STEP = np.uint64(0x9E3779B97F4A7C15)
_SALTS = np.arange(1, _N_BANDS * _ROWS + 1, dtype=np.uint64).reshape(_N_BANDS, _ROWS) * _STEP


class Sequences(Protocol):
    """Sequences of token numbers end to end, as `lstmkit.data.encoded.EncodedPart` holds them."""

    @property
    def rows(self) -> Any:
        """All of them, int32 `(tokens,)`."""
        ...

    @property
    def offsets(self) -> Int[np.ndarray, " sequences_plus_1"]:
        """Where each sequence begins."""
        ...


def near_duplicates(seen: Sequences, asked: Sequences) -> Iterator[tuple[int, list[int]]]:
    """Each sequence of `asked` that resembles some of `seen`, with those of `seen`, up to a few.

    Args:
        seen: the part in which is looked.
        asked: the part whose sequences are looked for.

    Yields:
        The number of a sequence of `asked`, in order, and the numbers of sequences of `seen` that resemble it by
        `RESEMBLANCE` or more.
    """
    known, wanted = _bands(seen), _bands(asked)
    candidates: dict[int, set[int]] = {}
    for (rows, keys), (other_rows, other_keys) in zip(known, wanted, strict=True):
        order = np.argsort(keys, kind="stable")
        keys, rows = keys[order], rows[order]
        first, last = np.searchsorted(keys, other_keys, "left"), np.searchsorted(keys, other_keys, "right")
        for place in np.flatnonzero(last > first).tolist():
            found = rows[first[place] : min(last[place], first[place] + _MOST_CANDIDATES)]
            candidates.setdefault(int(other_rows[place]), set()).update(found.tolist())
    for row in sorted(candidates):
        own = _runs_of(asked, row)
        if alike := [
            other for other in sorted(candidates[row]) if _resemblance(own, _runs_of(seen, other)) >= RESEMBLANCE
        ]:
            yield row, alike


def _bands(part: Sequences) -> list[tuple[Int[np.ndarray, " long"], UInt64[np.ndarray, " long"]]]:
    """For each band the numbers of the long sequences, and the key that two share where they agree in the band."""
    lengths = np.diff(part.offsets)
    rows = np.flatnonzero(lengths >= FEWEST_TOKENS)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    # The run that begins at each token; those that end in the next sequence, or belong to a short one, are left out.
    runs = _run_hashes(np.asarray(part.rows))
    owner = owner[: len(runs)]
    whole = (np.arange(len(runs)) + _RUN <= part.offsets[owner + 1]) & (lengths[owner] >= FEWEST_TOKENS)
    sampled = whole & (runs % np.uint64(_SAMPLED) == 0)
    runs, owner = runs[sampled], owner[sampled]
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    rows = owner[starts]  # a sequence of which no run was sampled is left out
    if not len(rows):
        return [(rows, np.zeros(0, dtype=np.uint64))] * _N_BANDS
    bands = []
    for band in range(_N_BANDS):
        key = np.zeros(len(rows), dtype=np.uint64)
        for row in range(_ROWS):
            salt = _SALTS[band, row]
            key = _mixed(key ^ np.minimum.reduceat(_mixed(runs ^ salt), starts))
        bands.append((rows, key))
    return bands


def _run_hashes(tokens: Int[np.ndarray, " tokens"]) -> UInt64[np.ndarray, " runs"]:
    """A hash of the tokens from each place on."""
    n_runs = max(0, len(tokens) - _RUN + 1)
    hashes = np.zeros(n_runs, dtype=np.uint64)
    for place in range(_RUN):
        hashes *= _STEP
        hashes += tokens[place : place + n_runs].astype(np.uint64)
    return _mixed(hashes)


def _mixed(hashes: UInt64[np.ndarray, " n"]) -> UInt64[np.ndarray, " n"]:
    hashes = (hashes ^ (hashes >> np.uint64(30))) * _MIX[0]
    hashes ^= hashes >> np.uint64(27)
    hashes *= _MIX[1]
    return hashes ^ (hashes >> np.uint64(31))


def _runs_of(part: Sequences, row: int) -> UInt64[np.ndarray, " distinct"]:
    return np.unique(_run_hashes(np.asarray(part.rows[part.offsets[row] : part.offsets[row + 1]])))


def _resemblance(one: UInt64[np.ndarray, " n"], other: UInt64[np.ndarray, " m"]) -> float:
    n_shared = len(np.intersect1d(one, other, assume_unique=True))
    return n_shared / (len(one) + len(other) - n_shared)
