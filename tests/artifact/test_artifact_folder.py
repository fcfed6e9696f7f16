"""The model folder: the same bits back, and nothing but its three files is ever read."""

import hashlib
import json
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from lstmkit.artifact import FORMAT, Artifact, find_model, load_artifact, save_artifact
from lstmkit.config.schema import Config, EncoderConfig, ModelConfig
from lstmkit.core.errors import ArtifactError
from lstmkit.core.files import digest_of
from lstmkit.data.encoded import EncodedPart
from lstmkit.data.encoder import Encoder
from lstmkit.models import build
from lstmkit.models.build import architecture_of
from lstmkit.models.scoring import probabilities
from lstmkit.train.checkpoint import load_checkpoint

TEXTS = ["a fine film", "a poor film , sadly", "fine fine fine", "poor", "what a film !"]
LABELS = ["neg", "pos", "ünsure"]
FILES = ["model.safetensors", "tokenizer.json", "model.json"]


def make(folder: Path, **model: Any) -> Artifact:
    """Save an untrained model and return what was saved."""
    torch.manual_seed(3)
    config = Config(model=ModelConfig(embedding_size=5, hidden_size=6, **model))
    encoder = Encoder.fit(TEXTS, EncoderConfig(min_frequency=1, max_length=4), "text")
    network = build(config, encoder.shape, len(LABELS)).eval()
    architecture = architecture_of(config, encoder.shape, len(LABELS))
    save_artifact(folder, network, architecture, encoder, LABELS)
    return Artifact(network, encoder, LABELS, architecture)


def answers(artifact: Artifact) -> np.ndarray:
    tokens, offsets = artifact.encoder.encode([*TEXTS, "words never seen", "a b c d e f g h"])
    return probabilities(artifact.network, EncodedPart(tokens, offsets))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize(
    "model",
    [
        {"cell": "lstm", "bidirectional": True, "pooling": "max_mean", "head_dropout": 0.5, "word_dropout": 0.5},
        {"cell": "gru", "num_layers": 2, "layer_dropout": 0.5, "pooling": "mean"},
        {"cell": "rnn", "pooling": "max"},
        {"cell": "lstm", "forget_bias": 3.0},
        {"cell": "lstm", "initialization": "chrono"},
    ],
)
def test_round_trip_gives_the_same_bits(tmp_path: Path, model: dict[str, Any]) -> None:
    saved = make(tmp_path / "model", **model)
    read = load_artifact(tmp_path / "model")
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == sorted(FILES)
    assert read.labels == LABELS
    assert read.encoder.describe() == saved.encoder.describe()
    assert answers(read).tobytes() == answers(saved).tobytes()


def test_a_model_from_before_chrono_initialisation_can_be_read(tmp_path: Path) -> None:
    saved = make(tmp_path / "model")

    def forget(about: dict[str, Any]) -> None:
        assert about["architecture"].pop("initialization") == "standard"
        assert about["architecture"].pop("chrono_length") == 0

    resign(tmp_path / "model", forget)
    assert answers(load_artifact(tmp_path / "model")).tobytes() == answers(saved).tobytes()


def test_model_json_holds_the_span_that_chrono_prepared_for(tmp_path: Path) -> None:
    saved = make(tmp_path / "model", initialization="chrono")
    about = json.loads((tmp_path / "model" / "model.json").read_text())
    assert (
        about["architecture"]["chrono_length"] == saved.network.recurrence.chrono_length == Config().encoder.max_length
    )
    assert load_artifact(tmp_path / "model").network.recurrence.chrono_length == Config().encoder.max_length


def test_a_saved_model_replaces_the_one_before(folder: Path) -> None:
    make(folder, cell="gru")
    assert load_artifact(folder).network.recurrence.cell == "gru"
    assert [path.name for path in folder.parent.iterdir()] == ["model"]  # no partial folder is left behind


def refusal(folder: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        load_artifact(folder)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", FILES)
def test_an_absent_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert refusal(folder).startswith(f"{folder / name}: No such file or directory; ")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_truncated_file_is_damaged(folder: Path, name: str, share: float) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(share * len(content))])
    assert refusal(folder).startswith(f"{folder / name}: damaged")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("byte", [b"#", b"\xff"])
def test_one_altered_byte_is_noticed_wherever_it_is(folder: Path, name: str, byte: bytes) -> None:
    content = (folder / name).read_bytes()
    places = [place for place in range(0, len(content), max(1, len(content) // 150)) if content[place] != byte[0]]
    assert len(places) > 100
    for place in places:
        (folder / name).write_bytes(content[:place] + byte + content[place + 1 :])
        assert refusal(folder).startswith(f"{folder / name}: damaged"), place


def test_a_grown_file_is_altered(folder: Path) -> None:
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"\0")
    assert "altered" in refusal(folder)


@pytest.mark.parametrize("content", ["[]", "{}", "null", '{"format": "1"}', ""])
def test_a_file_that_describes_no_model(folder: Path, content: str) -> None:
    (folder / "model.json").write_text(content)
    assert refusal(folder).startswith(f"{folder / 'model.json'}: damaged")


def test_a_newer_format_says_to_upgrade(folder: Path) -> None:
    resign(folder, lambda about: about.update(format=FORMAT + 1, architecture={"of": "tomorrow"}))
    message = refusal(folder)
    assert message.startswith(f"{folder / 'model.json'}: format {FORMAT + 1} is newer")
    assert message.endswith("upgrade lstmkit")


@pytest.mark.parametrize(
    "change",
    [
        lambda about: about.pop("labels"),
        lambda about: about.pop("sha256"),
        lambda about: about["sha256"].pop("tokenizer.json"),
        lambda about: about["architecture"].update(surprise=1),
        lambda about: about["architecture"].update(hidden_size="7"),
        lambda about: about["encoder"].pop("truncate"),
    ],
)
def test_a_well_signed_description_of_no_model(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    resign(folder, change)
    assert "damaged" in refusal(folder)


def test_weights_of_another_network(folder: Path) -> None:
    make(folder.parent / "other", bidirectional=True)
    weights = (folder.parent / "other" / "model.safetensors").read_bytes()
    plant(folder, "model.safetensors", weights)
    assert "does not hold the model of model.json" in refusal(folder)


class Payload:
    """What, unpickled, creates a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.marker,)


class Opened:
    """The paths that this process opens while it listens; an audit hook cannot be taken off, so it is one for all."""

    paths: list[str] = []  # noqa: RUF012
    listening = False

    @classmethod
    def hook(cls, event: str, arguments: tuple[Any, ...]) -> None:
        if cls.listening and event == "open":
            cls.paths.append(str(arguments[0]))


sys.addaudithook(Opened.hook)


@pytest.fixture
def opened() -> Iterator[list[str]]:
    Opened.paths, Opened.listening = [], True
    yield Opened.paths
    Opened.listening = False


def resign(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Alter `model.json` as someone would who knows how its digest is made."""
    about = json.loads((folder / "model.json").read_text())
    del about["digest"]
    change(about)
    about["digest"] = digest_of(about)
    (folder / "model.json").write_text(json.dumps(about))


def plant(folder: Path, name: str, content: bytes) -> None:
    """Put a file in the place of another and make every checksum agree with it."""
    (folder / name).write_bytes(content)
    resign(folder, lambda about: about["sha256"].update({name: hashlib.sha256(content).hexdigest()}))


def test_the_payload_would_go_off(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    pickle.loads(pickle.dumps(Payload(marker)))  # noqa: S301
    assert marker.exists()


def test_a_planted_pickle_is_never_opened(folder: Path, tmp_path: Path, opened: list[str]) -> None:
    marker = tmp_path / "marker"
    planted = [folder / "evil.pkl", folder / "model.bin", tmp_path / "checkpoints" / "x.pt", tmp_path / "estimator.pkl"]
    (tmp_path / "checkpoints").mkdir()
    for path in planted:
        path.write_bytes(pickle.dumps(Payload(marker)))
    resign(folder, lambda about: about["sha256"].update({"evil.pkl": "0" * 64, "../checkpoints/x.pt": "0" * 64}))
    opened.clear()
    load_artifact(find_model(tmp_path))
    assert {Path(path).name for path in opened if path.startswith(str(tmp_path))} == set(FILES)
    assert not marker.exists()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("writer", ["pickle", "torch"])
def test_a_pickle_under_another_name_is_not_run(folder: Path, tmp_path: Path, name: str, writer: str) -> None:
    marker = tmp_path / "marker"
    if writer == "pickle":
        content = pickle.dumps(Payload(marker))
    else:
        torch.save(Payload(marker), tmp_path / "saved.pt")
        content = (tmp_path / "saved.pt").read_bytes()
    if name == "model.json":
        (folder / name).write_bytes(content)
    else:
        plant(folder, name, content)
    refusal(folder)
    assert not marker.exists()


def test_a_pickle_as_checkpoint_is_not_run(folder: Path, tmp_path: Path) -> None:
    marker, path = tmp_path / "marker", tmp_path / "last.safetensors"
    path.write_bytes(pickle.dumps(Payload(marker)))
    network = load_artifact(folder).network
    with pytest.raises(ArtifactError, match="cannot be resumed from"):
        load_checkpoint(path, network, torch.optim.Adam(network.parameters()))
    assert not marker.exists()


def test_the_weights_are_plain_safetensors(folder: Path) -> None:
    tensors = safetensors.torch.load_file(folder / "model.safetensors")
    assert set(tensors) == set(load_artifact(folder).network.state_dict())


@pytest.mark.parametrize("home", ["model", "lstm/model", "."])
def test_find_model_knows_runs_labs_and_model_folders(tmp_path: Path, home: str) -> None:
    make(tmp_path / "run" / home)
    assert find_model(tmp_path / "run").resolve() == (tmp_path / "run" / home).resolve()


def test_find_model_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no such folder; give the --out"):
        find_model(tmp_path / "absent")
    with pytest.raises(ArtifactError, match=r"not a run folder \(no model/ and no lstm/model/\)"):
        find_model(tmp_path)
    (tmp_path / "config.toml").touch()
    with pytest.raises(ArtifactError, match="has no model yet; finish it with --resume"):
        find_model(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ArtifactError, match="give the --out"):
        find_model(tmp_path / "file")
