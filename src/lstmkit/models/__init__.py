"""Networks: pooling, head, and the classifier. Modules take plain keywords; configuration stops at `build`."""

from lstmkit.models.build import build
from lstmkit.models.classifier import Classifier

__all__ = ["Classifier", "build"]
