"""Sources: whatever holds labelled examples, brought to one shape. Plain data; no torch."""

from lstmkit.data.sources.catalogue import CATALOGUE, Entry, Progress, find_copy, obtain
from lstmkit.data.sources.corpus import Corpus, Part
from lstmkit.data.sources.load import load_corpus, look_at
from lstmkit.data.sources.split import cut

__all__ = [
    "CATALOGUE",
    "Corpus",
    "Entry",
    "Part",
    "Progress",
    "cut",
    "find_copy",
    "load_corpus",
    "look_at",
    "obtain",
]
