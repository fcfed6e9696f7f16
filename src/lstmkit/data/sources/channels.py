"""The channels that a model reads, found among those of another source: by name, or by place where there are none."""

from collections.abc import Sequence

from lstmkit.core.errors import DataError


def are_named(channels: Sequence[str]) -> bool:
    """Whether channels have names of their own, and not their numbers for want of any."""
    return list(channels) != [str(k + 1) for k in range(len(channels))]


def places_of(wanted: Sequence[str], found: Sequence[str], where: str) -> list[int]:
    """Where each channel that a model reads stands among those of a source.

    Names decide, whatever their order, and others are left out. Where the model's channels or the source's have no
    names, as in a `.ts` file, as many are needed, and their order is that of the model.

    Raises:
        DataError: a channel is not there, or there is another number of nameless ones.
    """
    if are_named(wanted) and are_named(found):
        for name in wanted:
            if name not in found:
                raise DataError(
                    f"{where}: no channel {name!r}; there are {few(found)}, and the model reads {few(wanted)}; add it"
                )
        return [list(found).index(name) for name in wanted]
    if len(found) != len(wanted):
        raise DataError(
            f"{where}: another number of channels ({len(found)}; the model reads {len(wanted)}: {few(wanted)}); "
            "give as many"
        )
    return list(range(len(wanted)))


def few(names: Sequence[str], most: int = 6) -> str:
    """Names in a line, the first of many."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown}, … ({len(names):,} in all)"
