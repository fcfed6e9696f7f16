"""Everything that the pages speak of, small: the catalogue's sets in their real layouts, and a user's own files."""

import csv
import io
import math
import random
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from sounds import whistle, write_sound, write_whistles

_PLAIN = ("the", "film", "was", "a", "plot", "actor", "of", "and", "scene", "with")
_TELLING = {"pos": ("fine", "good", "great", "moving"), "neg": ("bad", "poor", "dull", "thin")}


def review(generator: random.Random, label: str) -> str:
    """A short review whose label a few words tell."""
    words = [generator.choice(_PLAIN) for _ in range(generator.randint(3, 12))]
    for word in generator.sample(_TELLING[label], 2):
        words.insert(generator.randrange(len(words) + 1), word)
    return " ".join(words)


def reviews(n: int, seed: int) -> Iterator[tuple[str, str]]:
    """(text, label) of n reviews, half of each label."""
    generator = random.Random(seed)
    for k in range(n):
        label = ("pos", "neg")[k % 2]
        yield review(generator, label), label


def write_catalogue(root: Path) -> None:
    """A data folder with imdb, trec, sst2, banking77 and fsdd in the layouts of the real sets."""
    _write_spoken_digits(root / "fsdd")
    _write_imdb(root / "imdb" / "aclImdb_v1.tar.gz")
    questions = {"NUM": "How many feet are in a mile ?", "HUM": "Who was the first king of France ?"}
    fine = {"NUM": "count", "HUM": "ind"}
    for name, n in (("TREC.train", 20), ("TREC.test", 4)):
        lines = [f"{label}:{fine[label]} {question}\n" for label, question in questions.items()] * n
        # A few accents of the real set are Latin-1.
        _write(root / "trec" / name, "".join([*lines, "HUM:ind Who was Andr\xe9 Breton ?\n"]).encode("latin-1"))
    for seed, (name, n) in enumerate((("train", 60), ("dev", 10), ("test", 20))):
        lines = [f"{int(label == 'pos')} {text}\n" for text, label in reviews(n, seed)]
        _write(root / "sst2" / f"stsa.binary.{name}", "".join(lines).encode())
    intents = {"card_arrival": "When will my card come?", "exchange_rate": "What rate do I get, and when?"}
    for name, n in (("train", 20), ("test", 5)):
        rows = [(f"{question} ({k})", label) for k in range(n) for label, question in intents.items()]
        write_csv(root / "banking77" / f"{name}.csv", ("text", "category"), rows)


def _write_spoken_digits(folder: Path) -> None:
    """The archive of the spoken digits, with two of them, said by two speakers who whistle."""
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "free-spoken-digit-dataset-recordings.zip", "w") as archive:
        for digit, word in enumerate(("falls", "rises")):
            for place, speaker in enumerate(("ann", "bob")):
                for k in range(20):
                    seed = 100 * digit + 50 * place + k
                    file = write_sound(folder / "one.wav", whistle(word, seed))
                    archive.write(file, f"recordings/{digit}_{speaker}_{k}.wav")
    (folder / "one.wav").unlink()


def _write_series(path: Path) -> None:
    """A table with a row for each step: 60 series of two channels, that rise or fall."""
    rows = []
    for k in range(60):
        rises = k % 2
        for step in range(5 + k % 4):
            slope = step if rises else -step
            rows.append((k, step, slope + 0.1 * (k % 7), 0.5 * step, "rises" if rises else "falls"))
    write_csv(path, ("series_id", "time", "x", "y", "label"), rows)


def _write_sales(path: Path) -> None:
    """Two shops' sales by month, with a price, for five years."""
    generator = random.Random(16)
    rows = []
    for shop in ("north", "south"):
        for k in range(60):
            price = generator.choice((4, 5, 6))
            sales = 100 + 20 * math.sin(math.pi * k / 6) - 5 * price + generator.gauss(0, 2)
            rows.append((shop, f"{2019 + k // 12}-{k % 12 + 1:02d}-01", round(sales, 1), price))
    write_csv(path, ("series", "date", "y", "price"), rows)


def _write_stars(path: Path) -> None:
    """Reviews with stars from 1 to 10."""
    generator = random.Random(17)
    rows = [
        (text, generator.randint(*((7, 10) if label == "pos" else (1, 4)))) for text, label in reviews(120, seed=18)
    ]
    write_csv(path, ("text", "stars"), rows)


def write_own_files(folder: Path) -> None:
    """A user's files, as the pages name them: tables of reviews, gestures, sales and stars; new.wav; three folders.

    months.txt has sales and price of 14 months, and of another shop's first. faulty.csv has rows that cannot be used,
    twice.csv each row twice.
    """
    write_csv(folder / "reviews.csv", ("text", "label"), reviews(120, seed=10))
    write_csv(folder / "other.csv", ("text", "label"), reviews(20, seed=11))
    write_csv(folder / "new.csv", ("text",), [(text,) for text, _ in reviews(6, seed=12)])
    _write(folder / "new.txt", "".join(f"{text}\n" for text, _ in reviews(6, seed=13)).encode())
    _write_series(folder / "gestures.csv")
    write_whistles(folder / "words", 20)
    write_sound(folder / "new.wav", whistle("rises", 999))
    _write_sales(folder / "sales.csv")
    months = [f"{90 + 10 * (k % 12 < 6)},5" for k in range(14)]
    _write(folder / "months.txt", "\n".join([*months, "", "80,6", ""]).encode())
    _write_stars(folder / "stars.csv")
    write_csv(folder / "twice.csv", ("text", "label"), [row for row in reviews(60, seed=15) for _ in range(2)])
    write_csv(folder / "faulty.csv", ("text", "label"), [*reviews(60, seed=14), ("", "pos"), ("a fine film", "")])
    for seed, split in enumerate(("train", "test")):
        write_csv(folder / "tables" / f"{split}.csv", ("text", "label"), reviews(60, seed=20 + seed))
        for k, (text, label) in enumerate(reviews(30, seed=30 + seed)):
            _write(folder / "texts" / split / label / f"{k}.txt", text.encode())


def write_csv(path: Path, header: tuple[str, ...], rows: object) -> None:
    """A CSV with a header."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)  # type: ignore[arg-type]
    _write(path, buffer.getvalue().encode())


def _write_imdb(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with tarfile.open(path, "w:gz") as archive:
        for seed, (split, n) in enumerate((("train", 60), ("test", 20))):
            for k, (text, label) in enumerate(reviews(n, seed=40 + seed)):
                _add(archive, f"aclImdb/{split}/{label}/{k}_7.txt", text)
        _add(archive, "aclImdb/train/unsup/0_0.txt", "a film without a label")


def _add(archive: tarfile.TarFile, name: str, text: str) -> None:
    content = text.encode()
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
