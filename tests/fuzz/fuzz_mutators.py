"""Mutators: from a sound file to one that is a little, or very, wrong. All that they draw comes from one generator."""

import gzip
import hashlib
import io
import json
import random
import re
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

Mutator = Callable[[bytes, random.Random, Sequence[bytes]], bytes]
"""Takes the content, the source of chance and the contents of all seeds (to splice with)."""

_LONGEST = 1 << 18  # bytes of a mutated file: growth by growth would only make the run slow
_INTEGERS = [0, 1, -1, 2, 64, 65, 127, 128, 255, 256, 4096, 32767, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1]
_NUMBERS = [
    *("0", "-0", "1e400", "-1e400", "1e-400", "nan", "NaN", "inf", "-Infinity", "9" * 400, "-" + "9" * 400),
    *("9" * 5000, "0x" + "f" * 40, "1_000", "1,5", "1.000,5", "٣", "¼", "3.4028236e38", "1e38", str(2**63)),
    *(str(2**64), "1" + "0" * 30),
    *("0.1e", "--1", "+1", " 1 ", "1.5.2", "True", "null", "None", ""),
]  # fmt: skip
_DATES = [
    *("0001-01-01", "9999-12-31", "10000-01-01", "2024-02-30", "2024-13-01", "0001-01-01T00:00:00+23:59"),
    *("9999-12-31T23:59:59-23:59", "2024-01-01T25:00", "2024-W01-1", "20240131", "1949-01", "2000Q1", "Jan-00"),
    *("31/12/2024", "12/31/2024", "2024-03-31T02:30:00+01:00", "1e10", "٢٠٢٤-٠١-٠١"),
]  # fmt: skip
_TEXTS = [
    *("\0", "\x1b[2J\x1b]0;x\x07", "\u202e", "\u2028", "\ufeff", "\ud7ff", "😀", "e\u0301" * 40),
    *("\x85", "\x1c", "\r", "\r\n", "\n"),
    *('"', '""', "'", "\\", "\t", ",", ";", "|", ":", "@", "#", "%", "=", "../" * 20, "a" * 300),
    *("=1+1", "text", "label"),
    *("/dev/zero", "/dev/stdin", "/proc/self/mem", "~", "~nobody/x", "a\tb", "\\ud800", "\\u0000", "{}", "[]", "null"),
]  # fmt: skip
_WORDS = [word.encode() for word in (*_NUMBERS, *_DATES, *_TEXTS)] + [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xfe\xff\0a"]
_HEADS = [
    *(b"PK\x03\x04", b"\x1f\x8b\x08\0", b"RIFF\xff\xff\xff\xffWAVE", b"fLaC", b"PAR1", b"OggS", b"ID3"),
    *(b"\xef\xbb\xbf", b"\xff\xfe"),
]
_VALUES: list[Any] = [
    *(None, True, False, 0, -1, 2**31, 2**63, 10**400, -(10**400), 1.5, 1e308, -0.0, float("nan"), float("inf")),
    *(
        "",
        " ",
        "\0",
        "\ud800",
        "\udc80x",
        "a" * 5000,
        "9" * 400,
        "1e999",
        "9999-12-31",
        "x.wav",
        "/dev/zero",
        "\x1b[2J",
    ),
    *(
        [],
        {},
        [[]],
        [None],
        [{}],
        [1, "a"],
        [True],
        [[1], [1, 2]],
        [[[1]]],
        {"a": [1]},
        {"": None},
        ["\ud800"],
        [10**400],
    ),
]
_TOKEN = re.compile(rb"[-+.\w]+")


def flip_bits(content: bytes, rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Flip one to eight bits."""
    del seeds
    changed = bytearray(content)
    for _ in range(rng.randint(1, 8)):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def truncate(content: bytes, rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Cut the end or the beginning off."""
    del seeds
    at = rng.randrange(len(content))
    return content[:at] if rng.random() < 0.8 else content[at:]


def remove(content: bytes, rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Leave a piece out."""
    del seeds
    at = rng.randrange(len(content))
    return content[:at] + content[at + _length(rng) :]


def repeat(content: bytes, rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Write a piece several times."""
    del seeds
    at = rng.randrange(len(content))
    piece = content[at : at + _length(rng)]
    return content[:at] + piece * rng.choice([2, 3, 50]) + content[at:]


def splice(content: bytes, rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Go on with a piece of another file."""
    other = rng.choice(seeds)
    begin, at = rng.randrange(len(other)), rng.randrange(len(content))
    return content[:at] + other[begin : begin + 16 * _length(rng)] + content[at:]


def swap_head(content: bytes, rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Begin as another kind of file does."""
    del seeds
    head = rng.choice(_HEADS)
    return head + content[rng.choice([0, len(head)]) :]


def put_integer(content: bytes, rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Write an integer at a border of its type over one to eight bytes."""
    del seeds
    width = rng.choice([1, 2, 4, 4, 8])
    value = rng.choice(_INTEGERS) % (1 << 8 * width)
    at = rng.randrange(len(content))
    return content[:at] + value.to_bytes(width, rng.choice(["little", "big"])) + content[at + width :]


def put_zeros(content: bytes, rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Write zeros, ones or chance over a piece."""
    del seeds
    at, n = rng.randrange(len(content)), _length(rng)
    piece = rng.choice([bytes(n), b"\xff" * n, rng.randbytes(n)])
    return content[:at] + piece + content[at + n :]


def put_word(content: bytes, rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Write an odd number, date, sign or name in the place of a word, or of all words that are the same."""
    del seeds
    words = list(_TOKEN.finditer(content))
    if not words:
        return content + rng.choice(_WORDS)
    found, new = rng.choice(words), rng.choice(_WORDS)
    if rng.random() < 0.3:
        return content.replace(found[0], new)
    return content[: found.start()] + new + content[found.end() :]


def insert_word(content: bytes, rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Write an odd word somewhere."""
    del seeds
    at = rng.randrange(len(content) + 1)
    return content[:at] + rng.choice(_WORDS) + content[at:]


def nest(content: bytes, rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Nest deep, closed again or not, in the place of a word or somewhere."""
    del seeds
    n = rng.choice([3, 65, 900, 5000])
    opening, closing = rng.choice([(b"[", b"]"), (b'{"a":', b"}"), (b"{a=", b"}"), (b"(", b")"), (b'"', b'"')])
    deep = opening * n + b"1" + closing * rng.choice([0, n, n])
    words = list(_TOKEN.finditer(content))
    begin, end = rng.choice(words).span() if words else (0, 0)
    return content[:begin] + deep + content[end:]


def move_lines(content: bytes, rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Shuffle, double or drop lines, the header's among them."""
    del seeds
    lines = content.splitlines(keepends=True)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(lines)) if lines else 0
        match rng.randrange(4):
            case 0:
                lines[at:at] = lines[:1]
            case 1:
                lines[at : at + 1] = []
            case 2:
                lines.reverse()
            case _:
                lines = lines[: max(1, at)]
    return b"".join(lines)


def move_fields(content: bytes, rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Double, drop or change a field in all lines of a table."""
    del seeds
    separator = rng.choice([b",", b"\t", b";", b":"])
    lines = [line.split(separator) for line in content.split(b"\n")]
    at, kind, new = rng.randrange(1 + max(map(len, lines))), rng.randrange(5), rng.choice(_WORDS)
    for line in lines:
        if at < len(line):
            if kind == 0:
                line[at:at] = [line[at]]
            elif kind == 1:
                del line[at]
            elif kind == 2:
                line[at] = b""
            elif kind == 3:
                line[at] = new
            else:
                line.append(new)
    return b"\n".join(separator.join(line) for line in lines)


def recode(content: bytes, rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Write a text in another encoding, or with other line ends."""
    del seeds
    text = content.decode("utf-8", errors="replace")
    match rng.randrange(4):
        case 0:
            return text.encode(rng.choice(["utf-16", "utf-32", "utf-8-sig", "utf-16-le"]))
        case 1:
            return text.replace("e", "é").encode("latin-1", errors="replace")
        case 2:
            return text.replace("\n", rng.choice(["\r\n", "\r", "\n\n", "\u2028"])).encode()
        case _:
            return text.replace(",", rng.choice([";", "\t", "|", " "])).encode()


def put_value(content: bytes, rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Put an odd value in the place of a value of JSON, in one line or in all; other content stays as it is."""
    del seeds
    try:
        text = content.decode()
        is_whole = text.lstrip().startswith("{") and text.rstrip().count("\n") > 0 and not text.startswith('{"')
        pieces = [text] if is_whole or "\n" not in text else text.splitlines()
        values = [json.loads(piece) for piece in pieces]
    except (ValueError, RecursionError):
        return content
    new, chance = rng.choice(_VALUES), rng.random()
    chosen = range(len(values)) if chance < 0.3 else [rng.randrange(len(values))] if values else []
    place = rng.random()
    for k in chosen:
        values[k] = _with(values[k], new, random.Random(place))
    return "\n".join(json.dumps(value) for value in values).encode()


def _with(value: Any, new: Any, rng: random.Random) -> Any:
    """A value with another one somewhere in it."""
    if not value or not isinstance(value, dict | list) or rng.random() < 0.1:
        return new
    if isinstance(value, dict):
        key = rng.choice(list(value))
        if rng.random() < 0.1:
            return {(str(new)[:50] if name == key else name): inner for name, inner in value.items()}
        return {**value, key: _with(value[key], new, rng)}
    at = rng.randrange(len(value))
    return [*value[:at], _with(value[at], new, rng), *value[at + 1 :]]


MUTATORS: tuple[Mutator, ...] = (
    *(flip_bits, truncate, remove, repeat, splice, swap_head, put_integer, put_zeros),
    *(put_word, put_word, put_value, put_value, put_value, insert_word, nest, move_lines, move_fields, recode),
)


def mutated(content: bytes, rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """One to four mutations of a file, within what wraps it as often as not."""
    inner = _unwrapped(content) if rng.random() < 0.6 else None
    if inner is not None:
        return _wrapped(content, mutated(inner, rng, seeds), rng)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 4])):
        if not content:
            return content
        content = rng.choice(MUTATORS)(content, rng, seeds)[:_LONGEST]
    return content


_STATE = b"lstmkit\x00stream"  # a stream's state ends with its SHA-256


def _unwrapped(content: bytes) -> bytes | None:
    """What lies in a gzipped file, in a zip archive's first file, or before a checksum; None where nothing wraps it."""
    if content.startswith(b"\x1f\x8b"):
        return gzip.decompress(content)
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read(archive.namelist()[0])
    return content[:-32] if content.startswith(_STATE) else None


def _wrapped(content: bytes, inner: bytes, rng: random.Random) -> bytes:
    """A file as `content` is wrapped, with `inner` in it."""
    if content.startswith(b"\x1f\x8b"):
        return gzip.compress(inner, 1, mtime=0)
    if content.startswith(_STATE):
        return inner + hashlib.sha256(inner).digest()
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(made, "w") as new:
        for k, name in enumerate(archive.namelist()):
            method = rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
            about = zipfile.ZipInfo(name)
            new.writestr(about, archive.read(name) if k else inner, compress_type=method)
    return made.getvalue()


def _length(rng: random.Random) -> int:
    return rng.choice([1, 2, 4, 16, 64, 512, 4096])
