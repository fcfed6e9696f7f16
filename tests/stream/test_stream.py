"""A stream says after each push what a batch says of the sequence so far, whatever the pushes are."""

import subprocess
import sys
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streaming_toys import WORDS, batch, predictor, toy

import lstmkit
from lstmkit.artifact import save_artifact
from lstmkit.core.errors import ArtifactError, DataError, RequestError
from lstmkit.nn.library import native_library
from lstmkit.stream import Stream

TOLERANCE = 1e-6
CELLS, POOLINGS = ("lstm", "gru", "rnn"), ("last", "mean", "max", "max_mean")
SEQUENCES = st.lists(st.sampled_from([*WORDS, "unseen"]), min_size=1, max_size=40)


def cut(words: list[str], ends: set[int]) -> list[list[str]]:
    """The words in chunks that end where told; some may be empty."""
    places = [0, *sorted(ends), len(words)]
    return [words[start:end] for start, end in pairwise(places)]


@settings(max_examples=100, deadline=None)
@given(
    words=SEQUENCES,
    ends=st.sets(st.integers(0, 40)),
    as_text=st.booleans(),
    cell=st.sampled_from(CELLS),
    num_layers=st.integers(1, 3),
    pooling=st.sampled_from(POOLINGS),
    engine=st.sampled_from(["auto", "reference"]),
)
def test_any_chunking_gives_the_answer_of_the_batch(
    words: list[str], ends: set[int], as_text: bool, cell: str, num_layers: int, pooling: str, engine: str
) -> None:
    model = predictor(cell=cell, num_layers=num_layers, pooling=pooling, engine=engine)
    stream = model.stream()
    seen = 0
    for chunk in cut(words, {min(end, len(words)) for end in ends}):
        seen += len(chunk)
        if not seen:
            continue
        answer = stream.push(" ".join(chunk) if as_text else chunk)
        np.testing.assert_allclose(answer, batch(model, words[:seen]), rtol=0, atol=TOLERANCE)
        assert stream.n_steps == seen
    assert answer.shape == (3,)
    assert answer.dtype == np.float64
    np.testing.assert_allclose(answer.sum(), 1, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_step_of_every_kind_of_network(cell: str, pooling: str) -> None:
    model = predictor(cell=cell, num_layers=3, pooling=pooling, hidden_size=37)
    assert (model.stream().engine.name == "native") == (cell == "lstm" and native_library().library is not None)
    words = np.random.default_rng(0).choice(WORDS, 120).tolist()
    stream = model.stream()
    for k, word in enumerate(words, 1):
        np.testing.assert_allclose(stream.push(word), batch(model, words[:k]), rtol=0, atol=TOLERANCE)


def test_the_answers_differ_from_step_to_step() -> None:
    """Else agreement would say nothing."""
    stream = predictor(pooling="last").stream()
    answers = np.array([stream.push(word) for word in WORDS])
    assert (np.abs(np.diff(answers, axis=0)).max(1) > 1e-3).all()


def test_a_long_chunk_is_read_in_blocks() -> None:
    model = predictor(max_length=5000, num_layers=2)
    words = np.random.default_rng(1).choice(WORDS, 2500).tolist()
    np.testing.assert_allclose(model.stream().push(words), batch(model, words), rtol=0, atol=TOLERANCE)


def test_a_stream_does_not_truncate() -> None:
    short, long = predictor(max_length=4), predictor(max_length=400)
    words = np.random.default_rng(2).choice(WORDS, 30).tolist()
    answer = short.stream().push(words)
    np.testing.assert_allclose(answer, batch(long, words), rtol=0, atol=TOLERANCE)
    assert np.abs(answer - batch(short, words)).max() > 1e-3


def test_a_push_without_a_token_changes_nothing() -> None:
    stream = predictor().stream()
    for empty in ("", " \t", [], np.zeros(0, np.int64)):
        with pytest.raises(RequestError, match="has read no step, so it has no answer; push one that holds a token"):
            stream.push(empty)
    with pytest.raises(RequestError, match="has read no step"):
        _ = stream.probabilities
    before = stream.push("w1 w2")
    assert stream.push(" ").tobytes() == stream.push([]).tobytes() == before.tobytes()
    assert stream.n_steps == 2
    before[:] = 0  # the caller's copy
    assert stream.probabilities.sum() == pytest.approx(1)


def test_a_word_that_is_several_tokens() -> None:
    model = predictor()
    stream = model.stream()
    for word in ("a", "dull", "film,", "isn't", "it?"):
        answer = stream.push(word)
    np.testing.assert_allclose(answer, model.predict_proba(["a dull film, isn't it?"])[0], rtol=0, atol=TOLERANCE)
    assert stream.n_steps == 9


def test_subwords_are_whole_words_and_characters_any() -> None:
    text = "w1 film, isn't w2"
    model = predictor(encoder="subwords")
    stream = model.stream()
    for word in text.split():
        answer = stream.push(word)
    np.testing.assert_allclose(answer, model.predict_proba([text])[0], rtol=0, atol=TOLERANCE)
    model = predictor(encoder="characters")
    stream = model.stream()
    for part in ("w", "1 fi", "lm, ", "isn't", " ", "w2"):
        answer = stream.push(part)
    np.testing.assert_allclose(answer, model.predict_proba([text])[0], rtol=0, atol=TOLERANCE)
    with pytest.raises(DataError, match=r"\['w', '1'\] \(list\) came, and this model reads characters; push text"):
        stream.push(["w", "1"])


def test_tokens_are_numbers_by_their_value() -> None:
    model = predictor(encoder="tokens")
    expected = model.predict_proba([[3, 4, 5, 3]])[0]
    whole, single = model.stream(), model.stream()
    whole.push([3, np.int64(4), 5.0])
    for step in (3, np.int64(4), np.float64(5.0)):
        single.push(step)
    np.testing.assert_allclose(whole.push(np.array([3])), expected, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(single.push("3"), expected, rtol=0, atol=TOLERANCE)
    assert np.abs(expected - model.predict_proba([["unseen"] * 4])[0]).max() > 1e-3


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (None, "token None is a NoneType; a token is a string or a whole number"),
        (b"w1", "token b'w1' is a bytes"),
        (0.5, "token 0.5 is a float; a token is a string or a whole number; bin real values first"),
        ([0.5], "token 0.5 is a float"),
        (["w1", "w 2"], "token 'w 2' is empty or holds white space"),
        ([["w1"]], r"token \['w1'\] is a list"),
        (np.zeros((2, 3)), "an array of 2 dimensions came; push a token or a list of tokens"),
        (float("nan"), "token nan is a float"),
    ],
)
def test_a_bad_step_is_one_line_and_changes_nothing(step: Any, message: str) -> None:
    stream = predictor().stream()
    stream.push("w1")
    before = stream.state
    with pytest.raises(DataError, match=message) as caught:
        stream.push(step)
    assert "\n" not in str(caught.value)
    assert stream.state == before


def test_reset_begins_anew() -> None:
    stream = predictor(num_layers=2).stream()
    first = [stream.push(word).tobytes() for word in WORDS]
    stream.reset()
    assert stream.n_steps == 0
    with pytest.raises(RequestError, match="has read no step"):
        _ = stream.probabilities
    assert [stream.push(word).tobytes() for word in WORDS] == first


def test_streams_of_one_model_do_not_meet() -> None:
    model = predictor()
    one, other = model.stream(), model.stream()
    for k, word in enumerate(WORDS, 1):
        one.push(word)
        other.push(WORDS[-k])
    np.testing.assert_allclose(one.probabilities, batch(model, WORDS), rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(other.probabilities, batch(model, WORDS[::-1]), rtol=0, atol=TOLERANCE)


def test_both_directions_are_refused_with_the_way_out() -> None:
    message = r"bidirectional = true\), so it has no answer before the end; .*train with --preset streaming"
    for made in (predictor(bidirectional=True).stream, predictor(bidirectional=True).stream_pool):
        with pytest.raises(RequestError, match=message):
            made()


def test_memory_does_not_grow_with_time() -> None:
    stream = predictor(num_layers=2).stream()
    words = np.random.default_rng(3).choice([*WORDS, "unseen"], 100_000).tolist()

    def read(begin: int, end: int) -> None:
        for place in range(begin, end, 100):
            stream.push(words[place : place + 100])
            stream.push("")
        for word in words[end : end + 1000]:
            stream.push(word)

    read(0, 1000)
    size = len(stream.state)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        read(2000, 99_000)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert stream.n_steps == 100_000
    assert len(stream.state) == size
    assert grown < 4096


def test_what_is_known_of_words_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lstmkit.stream.token_reading._MOST_KNOWN", 5)
    model = predictor()
    stream = model.stream()
    words = [*WORDS, *(f"new{k}" for k in range(20)), *WORDS]
    for word in words:
        answer = stream.push(word)
    assert len(model._streaming(None, 1).reading._known) <= 5
    np.testing.assert_allclose(answer, batch(model, words), rtol=0, atol=TOLERANCE)


CONTINUE = """
import sys
from pathlib import Path
import lstmkit
stream = lstmkit.load(sys.argv[1]).stream()
stream.state = Path(sys.argv[2]).read_bytes()
sys.stdout.write(str(stream.n_steps) + " " + "".join(stream.push(word).tobytes().hex() for word in sys.argv[3:]))
"""


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_another_process_goes_on_to_the_same_bits(tmp_path: Path, cell: str) -> None:
    artifact = toy(cell=cell, num_layers=2)
    save_artifact(tmp_path / "model", artifact.network, artifact.architecture, artifact.encoder, artifact.labels)
    stream = lstmkit.load(tmp_path).stream()
    stream.push(WORDS)
    (tmp_path / "state").write_bytes(stream.state)
    words = ["w3", "unseen w1 w4", "w7"]
    expected = "".join(stream.push(word).tobytes().hex() for word in words)
    command = [sys.executable, "-c", CONTINUE, str(tmp_path), str(tmp_path / "state"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{len(WORDS)} {expected}"


def test_a_fresh_state_is_a_state() -> None:
    model = predictor()
    stream = model.stream()
    stream.push("w1")
    stream.state = model.stream().state
    assert stream.n_steps == 0
    with pytest.raises(RequestError, match="has read no step"):
        stream.push("")


def altered(state: bytes, **changes: Any) -> bytes:
    """A state whose header or format was changed by who knows how to make the checksum."""
    import hashlib
    import json
    import struct

    n_format, n_header = struct.unpack_from("<II", state, 16)
    header = json.loads(state[24 : 24 + n_header])
    n_format = changes.pop("format", n_format)
    rest = state[24 + n_header : -32] + changes.pop("more", b"")
    text = json.dumps(header | changes).encode()
    content = state[:16] + struct.pack("<II", n_format, len(text)) + text + rest
    return content + hashlib.sha256(content).digest()


def as_integers(state: bytes) -> list[Any]:
    """What a state's header says of its arrays, with integers in the place of floats."""
    import json

    arrays = json.loads(state[24 : state.index(b"}") + 1])["arrays"]
    return [[name, kind.replace("f4", "i4"), shape] for name, kind, shape in arrays]


def test_a_state_that_is_none_is_refused() -> None:
    stream = predictor().stream()
    stream.push("w1 w2")
    good = stream.state
    assert altered(good) == good
    damaged = [good[:-1], good[: len(good) // 2], good[:20], good + b"\0", good[:300] + b"\1" + good[301:]]
    cases: list[tuple[Any, str]] = [
        *((bad, "damaged") for bad in damaged),
        (b"", "no stream's state"),
        (b"PK\3\4" + good, "no stream's state"),
        ("text", "a stream's state is bytes and str came"),
        (altered(good, format=2), r"of format 2, newer than this lstmkit reads \(1\); upgrade lstmkit"),
        (altered(good, model="0" * 64), "belongs to another model"),
        (altered(good, arrays=[]), "its arrays are not this model's"),
        (altered(good, arrays=as_integers(good)), "its arrays are not this model's"),
        (altered(good, more=b"\0\0"), "its arrays are not this model's"),
    ]
    other = predictor(seed=1).stream()
    other.push("w1")
    cases.append((other.state, "belongs to another model"))
    wider = predictor(hidden_size=10).stream()
    cases.append((wider.state, "belongs to another model"))
    for bad, message in cases:
        with pytest.raises(ArtifactError, match=message) as caught:
            stream.state = bad
        assert "\n" not in str(caught.value)
        assert stream.state == good


def test_every_byte_counts() -> None:
    stream = predictor().stream()
    stream.push("w1 w2")
    good = stream.state
    fresh = Stream(predictor()._streaming(None, 1))
    for k in range(len(good)):
        bad = bytearray(good)
        bad[k] ^= 0x10
        with pytest.raises(ArtifactError):
            fresh.state = bytes(bad)
