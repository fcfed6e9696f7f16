"""A model folder that somebody altered, and whose digests agree with it: a line, or a model that works; nothing else.

A fault, a hang, an abort of the process, or memory beyond that of the files is none of these. What once aborted, hung
or took gigabytes runs in a process of its own.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from tokenizers import Tokenizer

from lstmkit import SequenceClassifier, SequenceForecaster, load
from lstmkit.cli.main import run
from lstmkit.core.errors import ArtifactError, LstmkitError
from lstmkit.core.files import digest_of

OLD = Path(__file__).with_name("old")
EXPECTED: dict[str, Any] = json.loads((OLD / "expected.json").read_text())
ABOUT, WEIGHTS, TOKENIZER = "model.json", "model.safetensors", "tokenizer.json"
DEEP: Any = None
for _ in range(400):
    DEEP = [DEEP]
VALUES: list[Any] = [
    *(None, True, -1, 0, 1, 3, 2**31, 2**63, 10**40, 1.5, -0.5, 1e308, float("nan"), float("inf")),
    *("", "x", "3", "a\nb", "\x1b]0;x\x07\x1b[31m", "\u202e", "x" * 5000, "\ud800"),
    *([], [None], [1], ["a", "a"], [[]], {}, {"kind": "words"}, DEEP),
]


@pytest.fixture
def folder_of(tmp_path: Path) -> Callable[[str], Path]:
    def copy(name: str) -> Path:
        return Path(shutil.copytree(OLD / name, tmp_path / name)) / "model"

    return copy


def sign(folder: Path, about: dict[str, Any]) -> None:
    """Write `model.json` as somebody who knows how its digests are made."""
    for name in (WEIGHTS, TOKENIZER):
        if (folder / name).is_file() and isinstance(about.get("sha256"), dict) and name in about["sha256"]:
            about["sha256"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    about = {key: value for key, value in about.items() if key != "digest"}
    try:
        about["digest"] = digest_of(about)
    except (ValueError, RecursionError):  # half a surrogate, or too deep: no digest can be made
        about["digest"] = ""
    (folder / ABOUT).write_text(json.dumps(about))


def check_line(error: LstmkitError) -> None:
    assert str(error)
    assert "\n" not in str(error)


def use(folder: Path, name: str) -> None:
    """Load and ask; an error must be lstmkit's own, of one line."""
    items = EXPECTED[name]["items"]
    if name in ("series", "forecast"):
        items = [np.array(item, dtype=float) for item in items]
    if name == "audio":
        items = [(np.array(item, np.float32), 4000) for item in items]
    try:
        model = load(folder)
        if name == "forecast":
            answer = model.predict_quantiles(items)
            model.stream()
        else:
            answer = model.predict(items) if name == "regression" else model.predict_proba(items)
        assert len(answer) == len(items)
        assert np.isfinite(answer).all()
    except LstmkitError as error:
        check_line(error)


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to each value of a JSON tree, of long lists to the first two and the last."""
    if path:
        yield path
    if isinstance(tree, dict):
        for key in tree:
            yield from places(tree[key], (*path, key))
    if isinstance(tree, list):
        for k in sorted({0, 1, len(tree) - 1} & set(range(len(tree)))):
            yield from places(tree[k], (*path, k))


def put(tree: Any, path: tuple[Any, ...], value: Any) -> None:
    *way, last = path
    for key in way:
        tree = tree[key]
    tree[last] = value


@pytest.mark.parametrize("name", EXPECTED)
def test_each_value_of_model_json_by_another(folder_of: Callable[[str], Path], name: str) -> None:
    folder = folder_of(name)
    content = (folder / ABOUT).read_text()
    paths = [path for path in places(json.loads(content)) if path[0] not in ("digest", "sha256", "versions")]
    assert len(paths) >= 20
    for path in paths:
        for value in VALUES:
            about = json.loads(content)
            put(about, path, value)
            sign(folder, about)
            try:
                use(folder, name)
            except BaseException as error:
                error.add_note(f"{path} = {str(value)[:60]!r}")
                raise


@pytest.mark.parametrize("name", EXPECTED)
def test_each_key_of_model_json_left_out(folder_of: Callable[[str], Path], name: str) -> None:
    folder = folder_of(name)
    content = (folder / ABOUT).read_text()
    for path in places(json.loads(content)):
        if isinstance(path[-1], str):
            about = json.loads(content)
            *way, last = path
            tree = about
            for key in way:
                tree = tree[key]
            del tree[last]
            sign(folder, about)
            use(folder, name)


REFUSED: dict[str, tuple[str, Callable[[dict[str, Any]], Any], str]] = {
    "no labels": ("words", lambda a: a.update(labels=[]), "2, and 0 belong"),
    "an empty label": ("words", lambda a: a.update(labels=["", "good"]), "labels.0: String should have at least 1"),
    "one label twice": ("words", lambda a: a.update(labels=["good", "good"]), "labels: one stands there twice"),
    "a label too many": ("words", lambda a: a.update(labels=["a", "b", "c"]), "2, and 3 belong"),
    "a label that is none": ("words", lambda a: a.update(labels=["a", 2]), "labels.1: Input should be a valid string"),
    "labels of a forecaster": ("forecast", lambda a: a.update(labels=["a"]), "a model of task forecast has none"),
    "an unknown task": ("forecast", lambda a: a["task"].update(kind="paint"), "task: "),
    "a scale of nothing": ("regression", lambda a: a["task"].update(deviation=0.0), "task.regression.deviation"),
    "an endless scale": ("series", lambda a: a["encoder"]["means"].__setitem__(0, float("inf")), "means.0"),
    "a scale too few": ("series", lambda a: a["encoder"]["means"].pop(), "one is needed for each of 2 columns"),
    "a mask of no channel": ("series", lambda a: a["encoder"].update(masked=[7]), "numbers of the 2 columns"),
    "an interval of nothing": ("series", lambda a: a.update(interval={"step": 0.0, "unit": "numbers"}), "interval"),
    "more features": ("series", lambda a: a["architecture"].update(n_features=4), "architecture.n_features: 4"),
    "a million layers": ("words", lambda a: a["architecture"].update(num_layers=10**6), "weight_ih_l1 is missing"),
    "a huge layer": ("words", lambda a: a["architecture"].update(hidden_size=10**6), "has the shape"),
    "beyond 32 bits": ("words", lambda a: a["architecture"].update(hidden_size=2**31), "hidden_size: at most"),
    "a huge vocabulary": ("words", lambda a: a["architecture"].update(vocabulary_size=10**9), "holds 10 tokens"),
    "an unknown cell": ("words", lambda a: a["architecture"].update(cell="quantum"), "architecture.cell"),
    "an unknown pooling": ("words", lambda a: a["architecture"].update(pooling="all"), "architecture.pooling"),
    "sizes as text": ("words", lambda a: a["architecture"].update(hidden_size="4"), "architecture.hidden_size"),
    "an unknown keyword": ("words", lambda a: a["architecture"].update(surprise=1), "architecture.surprise"),
    "an unknown base": ("forecast", lambda a: a["encoder"].update(base="oracle"), "encoder.windows.base"),
    "a horizon of other weights": ("forecast", lambda a: a["encoder"].update(horizon=9), "6, and 27 belong"),
    "an endless context": ("forecast", lambda a: a["encoder"].update(context=2**31), "encoder.windows.context"),
    "no rate": ("audio", lambda a: a["encoder"]["settings"].update(rate=1), "a sampling rate of 1 Hz"),
    "too many bands": ("audio", lambda a: a["encoder"]["settings"].update(n_mels=10**6), "n_mels"),
    "text to a forecaster": ("forecast", lambda a: a.update(task={"kind": "classify"}), "kind windows does not serve"),
    "no tokenizer's digest": ("words", lambda a: a["sha256"].pop(TOKENIZER), "no SHA-256 of tokenizer.json"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_no_model_has_is_refused(folder_of: Callable[[str], Path], what: str) -> None:
    name, change, words = REFUSED[what]
    folder = folder_of(name)
    about = json.loads((folder / ABOUT).read_text())
    change(about)
    sign(folder, about)
    with pytest.raises(ArtifactError) as caught:
        load(folder)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def first(tensors: dict[str, torch.Tensor]) -> str:
    return min(tensors)


WEIGHT_TAMPERS: dict[str, tuple[Callable[[dict[str, torch.Tensor]], Any], str]] = {
    "NaN": (lambda t: t[first(t)].view(-1).__setitem__(0, float("nan")), "holds NaN or infinity"),
    "infinity": (lambda t: t["head.bias"].__setitem__(0, float("-inf")), "holds NaN or infinity"),
    "half precision": (lambda t: t.update({first(t): t[first(t)].half()}), "is of torch.float16"),
    "double precision": (lambda t: t.update({first(t): t[first(t)].double()}), "is of torch.float64"),
    "whole numbers": (lambda t: t.update({first(t): t[first(t)].int()}), "is of torch.int32"),
    "one missing": (lambda t: t.pop("head.bias"), "head.bias is missing"),
    "one too many": (lambda t: t.update(extra=torch.zeros(1)), "extra belongs to no weight"),
    "one shorter": (lambda t: t.update({"head.bias": t["head.bias"][:1].clone()}), "has the shape (1,)"),
    "one turned": (lambda t: t.update({"head.weight": t["head.weight"].T.contiguous()}), "has the shape"),
    "none": (lambda t: t.clear(), "is missing"),
}


@pytest.mark.parametrize("name", ["words", "subwords", "series"])
@pytest.mark.parametrize("what", WEIGHT_TAMPERS)
def test_weights_of_no_such_network_are_refused(folder_of: Callable[[str], Path], name: str, what: str) -> None:
    change, words = WEIGHT_TAMPERS[what]
    folder = folder_of(name)
    tensors = safetensors.torch.load_file(folder / WEIGHTS)
    change(tensors)
    (folder / WEIGHTS).write_bytes(safetensors.torch.save(tensors))
    sign(folder, json.loads((folder / ABOUT).read_text()))
    with pytest.raises(ArtifactError) as caught:
        load(folder)
    assert words in str(caught.value)
    assert "does not hold the model of model.json" in str(caught.value)


@pytest.mark.parametrize("name", ["words", "subwords", "characters", "tokens"])
def test_each_value_of_the_tokenizer_by_another(folder_of: Callable[[str], Path], name: str) -> None:
    """In this process: what is not as lstmkit writes it must never reach the library, which would end the process."""
    folder = folder_of(name)
    content = (folder / TOKENIZER).read_text()
    paths = list(places(json.loads(content)))
    assert len(paths) >= 20
    before = Tokenizer.from_str
    for path in paths:
        for value in VALUES:
            tree = json.loads(content)
            put(tree, path, value)
            (folder / TOKENIZER).write_text(json.dumps(tree))
            sign(folder, json.loads((OLD / name / "model" / ABOUT).read_text()))
            try:
                use(folder, name)
            except BaseException as error:
                error.add_note(f"{path} = {str(value)[:60]!r}")
                raise
    assert Tokenizer.from_str is before


def tampered_tokenizer(folder: Path, **changes: Any) -> None:
    tree = json.loads((folder / TOKENIZER).read_text())
    tree |= {key: value for key, value in changes.items() if key != "vocab"}
    tree["model"]["vocab"] |= changes.get("vocab", {})
    (folder / TOKENIZER).write_text(json.dumps(tree))
    sign(folder, json.loads((folder / ABOUT).read_text()))


def padding(length: int) -> dict[str, Any]:
    shape = {"direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": "[UNK]"}
    return {"strategy": {"Fixed": length}, **shape}


def number(folder: Path, key: str, value: int) -> None:
    about = json.loads((folder / ABOUT).read_text())
    about["architecture"][key] = value
    sign(folder, about)


def pipe(folder: Path, name: str) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)


def link(folder: Path, name: str) -> None:
    (folder / name).rename(folder.parent / f"elsewhere-{name}")
    (folder / name).symlink_to(folder.parent / f"elsewhere-{name}")


def linked_folder(folder: Path) -> None:
    folder.rename(folder.parent / "elsewhere")
    folder.symlink_to(folder.parent / "elsewhere")


def deep(folder: Path, name: str) -> None:
    (folder / name).write_text("[" * 100_000 + "]" * 100_000)
    if name != ABOUT:
        sign(folder, json.loads((folder / ABOUT).read_text()))


DANGEROUS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a token number of 2^31": (lambda f: tampered_tokenizer(f, vocab={"x": 2**31}), "does not number the tokens"),
    "a token number below 0": (lambda f: tampered_tokenizer(f, vocab={"x": -1}), "does not number the tokens"),
    "a padding of 10^9": (lambda f: tampered_tokenizer(f, padding=padding(10**9)), "none that lstmkit writes"),
    "a truncation": (
        lambda f: tampered_tokenizer(
            f, truncation={"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 9}
        ),
        "none that lstmkit writes",
    ),
    "another normalizer": (
        lambda f: tampered_tokenizer(f, normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAAAA=="}),
        "none that lstmkit writes",
    ),
    "an expression without end": (
        lambda f: tampered_tokenizer(
            f, normalizer={"type": "Replace", "pattern": {"Regex": "(a*)*(a*)*b"}, "content": ""}
        ),
        "none that lstmkit writes",
    ),
    "a million layers": (lambda f: number(f, "num_layers", 10**6), "is missing"),
    "a layer of gigabytes": (lambda f: number(f, "hidden_size", 100_000), "has the shape"),
    "an embedding of gigabytes": (lambda f: number(f, "embedding_size", 2**30), "has the shape"),
    "model.json a pipe": (lambda f: pipe(f, ABOUT), "model.json: a named pipe; a run folder holds plain files"),
    "the weights a pipe": (lambda f: pipe(f, WEIGHTS), "model.safetensors: a named pipe"),
    "the tokenizer a pipe": (lambda f: pipe(f, TOKENIZER), "tokenizer.json: a named pipe"),
    "model.json a link": (lambda f: link(f, ABOUT), "model.json: a symbolic link, which is not followed"),
    "the weights a link": (lambda f: link(f, WEIGHTS), "model.safetensors: a symbolic link"),
    "the folder a link": (linked_folder, "model: a symbolic link"),
    "model.json deep": (lambda f: deep(f, ABOUT), "nested deeper than 100 levels"),
    "the tokenizer deep": (lambda f: deep(f, TOKENIZER), "nested deeper than 100 levels"),
}


_ASK = """
import contextlib, io, json, sys
from lstmkit.cli.main import run
for what, folder in json.loads(sys.argv[1]):
    print(json.dumps([what]), flush=True)
    with contextlib.redirect_stderr(io.StringIO()) as err:
        status = run(["predict", folder, "a" * 40])
    print(json.dumps([what, status, err.getvalue()]), flush=True)
"""


@pytest.fixture(scope="module")
def answers_to_danger(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """Status and stderr of `lstmkit predict` by row; a row that ends or holds the process is the last one asked."""
    asked = []
    for k, (what, (change, _)) in enumerate(DANGEROUS.items()):
        home = Path(shutil.copytree(OLD / "words", tmp_path_factory.mktemp("danger") / f"run{k}"))
        change(home / "model")
        asked.append([what, str(home)])
    command = [sys.executable, "-c", _ASK, json.dumps(asked)]
    try:
        out = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False).stdout
    except subprocess.TimeoutExpired as held:
        out = (held.stdout or b"").decode()
    answers = [json.loads(line) for line in out.splitlines() if line.startswith("[")]
    return {what: (rest[0], rest[1]) for what, *rest in answers if rest}


@pytest.mark.parametrize("what", DANGEROUS)
def test_what_once_ended_or_held_the_process(answers_to_danger: dict[str, tuple[int, str]], what: str) -> None:
    assert what in answers_to_danger, f"the process ended or hung; it answered {list(answers_to_danger)}"
    status, err = answers_to_danger[what]
    assert status == 2, err[-500:]
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert DANGEROUS[what][1] in err


ESTIMATORS: dict[str, tuple[str, type]] = {
    "words": ("estimator.json", SequenceClassifier),
    "series": ("estimator.json", SequenceClassifier),
    "forecast": ("forecaster.json", SequenceForecaster),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_each_value_of_a_saved_estimator_by_another(folder_of: Callable[[str], Path], name: str) -> None:
    file, kind = ESTIMATORS[name]
    home = folder_of(name).parent
    content = (home / file).read_text()
    paths = [
        path
        for path in places(json.loads(content))
        if path[0] not in ("digest", "parameters") and (path[0] != "config" or len(path) < 3 or path[1] == "run")
    ]
    assert len(paths) > 25
    for path in paths:
        for value in VALUES[::3]:
            state = json.loads(content)
            put(state, path, value)
            del state["digest"]
            try:
                state["digest"] = digest_of(state)
            except (ValueError, RecursionError):
                state["digest"] = ""
            (home / file).write_text(json.dumps(state))
            try:
                kind.load(home)
            except LstmkitError as error:
                check_line(error)
            except BaseException as error:
                error.add_note(f"{path} = {str(value)[:60]!r}")
                raise


def test_the_table_is_of_the_command_line_too(folder_of: Callable[[str], Path], capsys: Any) -> None:
    assert run(["predict", str(folder_of("words").parent), "a fine film"]) == 0
    assert json.loads(capsys.readouterr().out)["predicted"] in ("good", "bad")
