"""An encoder that is a dataclass of plain values, read back from what `model.json` keeps of it."""

from collections.abc import Mapping
from typing import Any, TypeVar

from lstmkit.core.errors import ArtifactError, RequestError

T = TypeVar("T")


def read_described(cls: type[T], description: Mapping[str, Any], **parts: type) -> T:
    """An encoder from its description.

    Args:
        cls: the dataclass.
        description: its fields by name, tuples as lists, and `kind`.
        parts: the dataclasses of fields that are themselves such.

    Raises:
        ArtifactError: the description is not one.
    """
    try:
        fields: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in description.items()
        }
        del fields["kind"]
        fields |= {name: part(**fields[name]) for name, part in parts.items()}
        return cls(**fields)
    except (KeyError, TypeError, RequestError) as error:
        raise ArtifactError(f"model.json: its encoder is damaged ({error}); restore it or train again") from error
