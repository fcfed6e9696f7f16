"""Answers while a sequence is still arriving: one stream, or many in one call, in memory that does not grow."""

from lstmkit.stream.model import StreamingModel
from lstmkit.stream.pool import StreamPool
from lstmkit.stream.stream import Stream

__all__ = ["Stream", "StreamPool", "StreamingModel"]
