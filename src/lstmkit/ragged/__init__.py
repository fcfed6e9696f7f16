"""The batch type: sequences of unequal lengths laid end to end, time-major, longest first. Padding does not exist."""

from lstmkit.ragged.layout import Layout, Ragged

__all__ = ["Layout", "Ragged"]
