"""Colours of attributions on the terminal."""

# Backgrounds from weak to strong, with an ink of their own: legible whatever the terminal's own colours are.
_FOR = ("#d6e6f4", "#a3c8e6", "#5f9fd0")
_AGAINST = ("#fbe3d6", "#f3bd9d", "#e58a55")
_LEAST = 0.1  # of the largest attribution: less stays uncoloured


def shade_of(share: float) -> str | None:
    """The style of an attribution, as a share of the largest with its sign; None where it is too small for a colour."""
    if abs(share) < _LEAST:
        return None
    shade = (_FOR if share > 0 else _AGAINST)[min(2, int(3 * abs(share)))]
    return f"#10141a on {shade}" + ("" if share > 0 else " underline")  # the sign is told by more than the hue
