"""The recurrent cells, drawn in one grid: the past enters at the left, the input from below, the state leaves right.

Gates are those of torch (input, forget, candidate, output), so that the drawing, the equations beside it and the
parameters of a saved model speak of the same things.
"""

import re

from lstmkit.config.schema import Cell

_TOP, _HEIGHT = 30, 316
_STATE, _OPERATION, _GATE, _BUS = 88, 142, 210, 258  # heights: cell state, products, gates, the wire below the gates

EQUATIONS: dict[Cell, tuple[str, ...]] = {
    "lstm": (
        "i_t = σ(W_i x_t + U_i h_{t−1} + b_i)",
        "f_t = σ(W_f x_t + U_f h_{t−1} + b_f)",
        "g_t = tanh(W_g x_t + U_g h_{t−1} + b_g)",
        "o_t = σ(W_o x_t + U_o h_{t−1} + b_o)",
        "c_t = f_t ⊙ c_{t−1} + i_t ⊙ g_t",
        "h_t = o_t ⊙ tanh(c_t)",
    ),
    "gru": (
        "r_t = σ(W_r x_t + U_r h_{t−1} + b_r)",
        "z_t = σ(W_z x_t + U_z h_{t−1} + b_z)",
        "n_t = tanh(W_n x_t + b_n + r_t ⊙ (U_n h_{t−1} + d_n))",
        "h_t = (1 − z_t) ⊙ n_t + z_t ⊙ h_{t−1}",
    ),
    "rnn": ("h_t = tanh(W x_t + U h_{t−1} + b)",),
}


def cell(kind: Cell) -> str:
    """Draw one cell as an SVG whose colours come from the page."""
    return {"lstm": _lstm, "gru": _gru, "rnn": _rnn}[kind]()


def equations(kind: Cell) -> list[str]:
    """The cell's equations as HTML lines: variables slanted, subscripts low."""
    return [_marked_up(line) for line in EQUATIONS[kind]]


def _lstm() -> str:
    gates = [(150, "σ", "f", "forget"), (235, "σ", "i", "input"), (320, "tanh", "g", "candidate"),
             (405, "σ", "o", "output")]  # fmt: skip
    parts = [
        _frame(70, 530),
        _wire(f"M8 {_STATE}H584", "conveyor"),
        _tip(592, _STATE, "right", "conveyor"),
        *_inputs(110, 405),
    ]
    for x, function, letter, word in gates:
        parts += [_wire(f"M{x} {_BUS}V{_GATE + 16}"), _tip(x, _GATE + 16, "up"), _gate(x, _GATE, function),
                  _word(x, _BUS + 21, word)]  # fmt: skip
        parts.append(_symbol(x - 12, _GATE - 26, letter, "t", "end"))
    parts += [
        _wire(f"M150 {_GATE - 16}V{_STATE + 13}"), _tip(150, _STATE + 13, "up"), _circle(150, _STATE, "×"),
        _wire(f"M235 {_GATE - 16}V{_OPERATION}H306"), _tip(307, _OPERATION, "right"),
        _wire(f"M320 {_GATE - 16}V{_OPERATION + 13}"), _tip(320, _OPERATION + 13, "up"), _circle(320, _OPERATION, "×"),
        _wire(f"M320 {_OPERATION - 13}V{_STATE + 13}"), _tip(320, _STATE + 13, "up"), _circle(320, _STATE, "+"),
        _dot(480, _STATE), _wire(f"M480 {_STATE}V{_OPERATION - 16}"), _tip(480, _OPERATION - 16, "down"),
        _squash(480, _OPERATION), _wire(f"M480 {_OPERATION + 14}V{_GATE - 30}"), _tip(480, _GATE - 29, "down"),
        _circle(480, _GATE - 16, "×"),
        _wire(f"M432 {_GATE}H452V{_GATE - 16}H466"), _tip(467, _GATE - 16, "right"),
        _wire(f"M480 {_GATE - 3}V{_BUS}H584"), _tip(592, _BUS, "right"),
        _symbol(8, _STATE - 14, "c", "t−1", "start"), _symbol(592, _STATE - 14, "c", "t", "end"),
        _symbol(592, _BUS - 14, "h", "t", "end"),
    ]  # fmt: skip
    alt = ("An LSTM cell. The cell state runs along the top: the forget gate multiplies it, the input gate times the "
           "candidate is added, and the output gate times tanh of it becomes the state that leaves.")  # fmt: skip
    return _svg(600, "lstm", alt, parts)


def _rnn() -> str:
    parts = [
        _frame(60, 240), *_inputs(95, 150),
        _wire(f"M8 {_STATE}H292", "absent"), _word(150, _STATE - 14, "no cell state"),
        _wire(f"M150 {_BUS}V{_GATE + 16}"), _tip(150, _GATE + 16, "up"), _gate(150, _GATE, "tanh"),
        _wire(f"M150 {_GATE - 16}V{_OPERATION + 10}H205V{_BUS}H284"), _tip(292, _BUS, "right"),
        _symbol(292, _BUS - 14, "h", "t", "end"),
    ]  # fmt: skip
    alt = "A plain RNN cell: the state before and the input, weighed and added, pass through one tanh."
    return _svg(300, "rnn", alt, parts)


def _gru() -> str:
    weighed, hop = (
        165,
        "a7 7 0 0 1 14 0",
    )  # height of the product with the reset gate; a bow over the update gate's wire
    parts = [
        _frame(70, 530),
        _wire(f"M8 {_STATE}H584", "conveyor"), _tip(592, _STATE, "right", "conveyor"),
        _dot(105, _STATE), _wire(f"M105 {_STATE}V{_BUS}H265"),
        _wire(f"M130 340V{_BUS}"), _dot(130, _BUS), _symbol(142, 338, "x", "t", "start"),
        _wire(f"M405 340V{_BUS}"), _symbol(417, 338, "x", "t", "start"),
    ]  # fmt: skip
    for x, function, letter in ((150, "σ", "r"), (265, "σ", "z"), (405, "tanh", "n")):
        parts += [_wire(f"M{x} {_BUS}V{_GATE + 16}"), _tip(x, _GATE + 16, "up"), _gate(x, _GATE, function),
                  _symbol(x - 12, _GATE - 26, letter, "t", "end")]  # fmt: skip
    parts += [
        _word(162, _BUS + 21, "reset"), _word(265, _BUS + 21, "update"), _word(428, _BUS + 21, "new"),
        _wire(f"M150 {_GATE - 16}V{weighed}H196"), _tip(197, weighed, "right"),
        _dot(210, _STATE), _wire(f"M210 {_STATE}V{weighed - 13}"), _tip(210, weighed - 13, "down"),
        _circle(210, weighed, "×"),
        _wire(f"M223 {weighed}H258{hop}H345V{_GATE}H374"), _tip(378, _GATE, "right"),
        _wire(f"M265 {_GATE - 16}V{_STATE + 13}"), _tip(265, _STATE + 13, "up"), _circle(265, _STATE, "×"),
        _dot(265, 122), _wire(f"M265 122H365V{_OPERATION}H391"), _tip(392, _OPERATION, "right"),
        _word(318, 115, "1 − z"),
        _wire(f"M405 {_GATE - 16}V{_OPERATION + 13}"), _tip(405, _OPERATION + 13, "up"), _circle(405, _OPERATION, "×"),
        _wire(f"M405 {_OPERATION - 13}V{_STATE + 13}"), _tip(405, _STATE + 13, "up"), _circle(405, _STATE, "+"),
        _symbol(8, _STATE - 14, "h", "t−1", "start"), _symbol(592, _STATE - 14, "h", "t", "end"),
    ]  # fmt: skip
    alt = ("A GRU cell. The state runs along the top: the update gate mixes the state before with a new one, for which "
           "the reset gate weighs what comes from the past.")  # fmt: skip
    return _svg(600, "gru", alt, parts)


def _inputs(join: int, end: int) -> list[str]:
    """The state before from the left and the input from below, joined on the wire under the gates."""
    return [
        _wire(f"M8 {_BUS}H{end}"), _wire(f"M{join} 340V{_BUS}"), _dot(join, _BUS),
        _symbol(8, _BUS - 14, "h", "t−1", "start"), _symbol(join + 12, 338, "x", "t", "start"),
    ]  # fmt: skip


def _svg(width: int, kind: str, alt: str, parts: list[str]) -> str:
    return (
        f'<svg class="drawing cell {kind}" role="img" aria-label="{alt}" viewBox="0 {_TOP} {width} {_HEIGHT}">'
        f"{''.join(parts)}</svg>"
    )


def _frame(left: int, right: int) -> str:
    return f'<rect class="frame" x="{left}" y="36" width="{right - left}" height="262" rx="18"/>'


def _wire(path: str, kind: str = "") -> str:
    return f'<path class="wire {kind}" d="{path}"/>'


def _tip(x: int, y: int, way: str, kind: str = "") -> str:
    long, wide = (12, 6) if kind else (8, 4)
    back = {"right": f"l-{long} -{wide}v{2 * wide}z", "up": f"l-{wide} {long}h{2 * wide}z",
            "down": f"l-{wide} -{long}h{2 * wide}z"}[way]  # fmt: skip
    return f'<path class="tip {kind}" d="M{x} {y}{back}"/>'


def _dot(x: int, y: int) -> str:
    return f'<circle class="join" cx="{x}" cy="{y}" r="3.5"/>'


def _circle(x: int, y: int, sign: str) -> str:
    arm = 5 if sign == "×" else 6
    strokes = f"M{x - arm} {y - arm}l{2 * arm} {2 * arm}m0 -{2 * arm}l-{2 * arm} {2 * arm}"
    if sign == "+":
        strokes = f"M{x - arm} {y}h{2 * arm}M{x} {y - arm}v{2 * arm}"
    return f'<circle class="operation" cx="{x}" cy="{y}" r="13"/><path class="sign" d="{strokes}"/>'


def _gate(x: int, y: int, function: str) -> str:
    kind = "sigmoid" if function == "σ" else "tanh"
    return (
        f'<rect class="gate {kind}" x="{x - 27}" y="{y - 16}" width="54" height="32" rx="5"/>'
        f'<text class="function" x="{x}" y="{y + 6}">{function}</text>'
    )


def _squash(x: int, y: int) -> str:
    return (
        f'<rect class="squash" x="{x - 30}" y="{y - 15}" width="60" height="30" rx="15"/>'
        f'<text class="function" x="{x}" y="{y + 5}">tanh</text>'
    )


def _word(x: int, y: int, text: str) -> str:
    return f'<text class="word" x="{x}" y="{y}">{text}</text>'


def _symbol(x: int, y: int, letter: str, index: str, anchor: str) -> str:
    return f'<text class="symbol {anchor}" x="{x}" y="{y}">{letter}<tspan class="index" dy="5">{index}</tspan></text>'


def _marked_up(line: str) -> str:
    def mark(match: re.Match[str]) -> str:
        if match["index"]:
            return f"<sub>{match['index'].strip('_{}')}</sub>"
        return match["function"] or f"<var>{match['letter']}</var>"

    return re.sub(r"(?P<index>_\{[^}]*\}|_.)|(?P<function>tanh)|(?P<letter>[A-Za-z])", mark, line)
