"""Sources: whatever holds labelled examples, brought to one shape. Plain data; no torch."""

from lstmkit.data.sources.catalogue import CATALOGUE, Entry, Progress, find_copy, obtain
from lstmkit.data.sources.corpus import Corpus, Part
from lstmkit.data.sources.load import kind_of, load_corpus
from lstmkit.data.sources.split import cut

__all__ = ["CATALOGUE", "Corpus", "Entry", "Part", "Progress", "cut", "find_copy", "kind_of", "load_corpus", "obtain"]
