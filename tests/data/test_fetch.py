"""Downloads from a server on 127.0.0.1 that misbehaves in every way that servers do."""

import errno
import hashlib
import http.server
import io
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from lstmkit.core.errors import DataError, StorageError
from lstmkit.data.fetch import fetch

CONTENT = random.Random(0).randbytes(1_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves `content` honestly, after each of `script` has had one request to treat as it likes."""

    daemon_threads = False
    block_on_close = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.etag = CONTENT, '"one"'
        self.script: list[Callable[[Handler], None]] = []
        self.ranges: list[str | None] = []
        self.gate = threading.Event()
        self.faults: list[BaseException | None] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/set.tar.gz"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep what a handler raised, for the test's end; a client that hung up is no fault."""
        fault = sys.exception()
        if not isinstance(fault, BrokenPipeError | ConnectionResetError):
            self.faults.append(fault)


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server  # type: ignore[assignment]

    def do_GET(self) -> None:
        self.server.ranges.append(self.headers.get("Range"))
        act = self.server.script.pop(0) if self.server.script else honest
        act(self)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""

    def answer(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        if self.server.etag:
            self.send_header("ETag", self.server.etag)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def start(self) -> int:
        """Where the honest answer begins: the range asked for, if the file is still the same."""
        asked, condition = self.headers.get("Range"), self.headers.get("If-Range")
        return int(asked[6:-1]) if asked and condition in (None, self.server.etag) else 0


def honest(handler: Handler, n_bytes: int | None = None) -> None:
    """As a good server; with `n_bytes`, it breaks off after so many."""
    content, start = handler.server.content, handler.start()
    rest = content[start:]
    if start and not rest:
        handler.answer(416, b"", Content_Range=f"bytes */{len(content)}")
    elif start:
        content_range = f"bytes {start}-{len(content) - 1}/{len(content)}"
        handler.answer(206, rest[:n_bytes], len(rest), Content_Range=content_range)
    else:
        handler.answer(200, rest[:n_bytes], len(rest))


def breaks_off(n_bytes: int) -> Callable[[Handler], None]:
    return lambda handler: honest(handler, n_bytes)


def resets(handler: Handler) -> None:
    """Half of the content, then a reset instead of an end."""
    honest(handler, 500_000)
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def ignores_range(handler: Handler) -> None:
    handler.answer(200, handler.server.content)


def says_length(length: int) -> Callable[[Handler], None]:
    return lambda handler: handler.answer(200, handler.server.content, length)


def says_ssh(handler: Handler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH\r\n")


def stalls_after(n_bytes: int) -> Callable[[Handler], None]:
    """The first bytes, then nothing until the test opens the gate; then the rest, to whoever still listens."""

    def act(handler: Handler) -> None:
        content = handler.server.content
        handler.answer(200, content[:n_bytes], len(content))
        handler.server.gate.wait(60)
        handler.wfile.write(content[n_bytes:])

    return act


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.gate.set()
        server.shutdown()
        thread.join()
    assert server.faults == []


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    return tmp_path / "sets" / "set.tar.gz"


def leftovers(destination: Path) -> list[str]:
    return sorted(path.name for path in destination.parent.iterdir() if path != destination)


def test_whole_and_checked_with_progress(server: Server, destination: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    found = fetch(
        server.url, destination, md5=MD5.upper(), sha256=SHA256, progress=lambda n, total: seen.append((n, total))
    )
    assert found == destination
    assert destination.read_bytes() == CONTENT
    assert leftovers(destination) == []
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [n for n, _ in seen] == sorted({n for n, _ in seen})


def test_what_is_there_and_right_is_not_fetched_again(server: Server, destination: Path) -> None:
    for _ in range(2):
        fetch(server.url, destination, sha256=SHA256)
    assert len(server.ranges) == 1
    destination.write_bytes(b"altered")
    fetch(server.url, destination, sha256=SHA256)
    assert destination.read_bytes() == CONTENT


@pytest.mark.parametrize("last", [[], [resets]])
def test_a_broken_connection_is_taken_up_again(server: Server, destination: Path, last: list[Any]) -> None:
    server.script = [breaks_off(300_000), breaks_off(1), *last]
    fetch(server.url, destination, sha256=SHA256)
    assert destination.read_bytes() == CONTENT
    assert server.ranges[:3] == [None, "bytes=300000-", "bytes=300001-"]


def test_without_gain_it_stops_says_how_much_and_the_next_call_goes_on(server: Server, destination: Path) -> None:
    server.script = [breaks_off(300_000), breaks_off(0)]
    with pytest.raises(DataError, match=r"broke off after 300,000 of 1,000,000 bytes .*the same command goes on") as e:
        fetch(server.url, destination, sha256=SHA256, place="$LSTMKIT_DATA/imdb")
    assert "put a copy at $LSTMKIT_DATA/imdb" in str(e.value)
    assert "\n" not in str(e.value)
    assert not destination.exists()
    fetch(server.url, destination)
    assert destination.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=300000-", "bytes=300000-"]


def test_resumptions_are_bounded(server: Server, destination: Path) -> None:
    server.script = [breaks_off(10)] * 50
    with pytest.raises(DataError, match="broke off after 60 of"):
        fetch(server.url, destination)
    assert len(server.ranges) == 6


def test_another_file_on_the_server_is_never_joined_to_the_old_one(server: Server, destination: Path) -> None:
    server.script = [breaks_off(300_000), breaks_off(0)]
    with pytest.raises(DataError):
        fetch(server.url, destination)
    server.content, server.etag = CONTENT[::-1], '"two"'
    fetch(server.url, destination)
    assert destination.read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_without_a_validator_only_a_checksum_allows_resuming(server: Server, destination: Path, etag: str) -> None:
    server.etag = etag
    server.script = [breaks_off(300_000)]
    fetch(server.url, destination)
    assert destination.read_bytes() == CONTENT
    assert server.ranges == [None, None]
    destination.unlink()
    server.script, server.ranges = [breaks_off(300_000)], []
    fetch(server.url, destination, sha256=SHA256)
    assert server.ranges == [None, "bytes=300000-"]


def test_another_address_does_not_go_on_from_this_ones_bytes(server: Server, destination: Path) -> None:
    server.script = [breaks_off(300_000), breaks_off(0)]
    with pytest.raises(DataError):
        fetch(server.url, destination)
    fetch(server.url + "?other", destination)
    assert server.ranges[-1] is None


def test_a_server_that_ignores_ranges(server: Server, destination: Path) -> None:
    server.script = [breaks_off(300_000), ignores_range]
    fetch(server.url, destination, sha256=SHA256)
    assert destination.read_bytes() == CONTENT


def test_a_part_from_another_place_is_not_taken(server: Server, destination: Path) -> None:
    def wrong_part(handler: Handler) -> None:
        # As long as the right part, so that the size alone does not give it away.
        handler.answer(206, CONTENT[:700_000], Content_Range="bytes 0-699999/1000000")

    server.script = [breaks_off(300_000), wrong_part]
    fetch(server.url, destination)
    assert destination.read_bytes() == CONTENT


def test_416_ends_a_whole_file_and_restarts_any_other(server: Server, destination: Path) -> None:
    server.script = [breaks_off(300_000), breaks_off(0)]
    with pytest.raises(DataError):
        fetch(server.url, destination)
    partial = destination.with_name("set.tar.gz.partial")
    partial.write_bytes(CONTENT)  # the process died between the last byte and the renaming
    fetch(server.url, destination, sha256=SHA256)
    assert server.ranges[-1] == "bytes=1000000-"
    destination.unlink()
    server.script = [breaks_off(300_000), lambda handler: handler.answer(416, b"")]
    fetch(server.url, destination, sha256=SHA256)
    assert destination.read_bytes() == CONTENT


def test_a_length_that_is_too_long(server: Server, destination: Path) -> None:
    server.script = [says_length(len(CONTENT) + 100)]
    fetch(server.url, destination, sha256=SHA256)  # the resumption learns that there is no more
    assert destination.read_bytes() == CONTENT
    server.script = [says_length(len(CONTENT) + 100)] * 2
    destination.unlink()
    with pytest.raises(DataError, match="broke off after 1,000,000 of 1,000,100 bytes"):
        fetch(server.url, destination, sha256=SHA256)


@pytest.mark.parametrize(("sha256", "md5"), [(SHA256, None), (None, MD5)])
def test_a_length_that_is_too_short(server: Server, destination: Path, sha256: str | None, md5: str | None) -> None:
    server.script = [says_length(999_999)]
    with pytest.raises(DataError, match="was expected"):
        fetch(server.url, destination, sha256=sha256, md5=md5)
    assert leftovers(destination) == []
    assert not destination.exists()


def test_a_wrong_checksum_gives_both_sums_and_leaves_nothing(server: Server, destination: Path) -> None:
    server.content = b"something else"
    theirs = hashlib.sha256(server.content).hexdigest()
    with pytest.raises(DataError, match=f"sha256 is {theirs}, {SHA256} was expected; what came is removed; try again"):
        fetch(server.url, destination, sha256=SHA256)
    assert not destination.exists()
    assert leftovers(destination) == []


def test_a_redirect_is_followed_and_a_circle_is_not(server: Server, destination: Path) -> None:
    def moved(handler: Handler) -> None:
        handler.answer(302, b"", Location="/elsewhere")

    server.script = [moved]
    fetch(server.url, destination, sha256=SHA256)
    assert destination.read_bytes() == CONTENT
    destination.unlink()
    server.script = [moved] * 30
    with pytest.raises(DataError, match="the server answers 302"):
        fetch(server.url, destination)


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_a_refusal_is_named(server: Server, destination: Path, status: int) -> None:
    server.script = [lambda handler: handler.answer(status, b"no")]
    with pytest.raises(DataError, match=rf"the server answers {status} \(.+\); .*put a copy at the moon"):
        fetch(server.url, destination, place="the moon")
    assert leftovers(destination) == []


def test_nobody_listens(destination: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        url = f"http://127.0.0.1:{free.getsockname()[1]}/x"
        with pytest.raises(DataError, match=r"could not be reached \(Connection refused\); .*put a copy at .*set.tar"):
            fetch(url, destination)


def test_no_answer_in_time(server: Server, destination: Path) -> None:
    server.script = [lambda handler: handler.answer(200, b"") if handler.server.gate.wait(60) else None]
    with pytest.raises(DataError, match=r"could not be reached \(no answer in time\)"):
        fetch(server.url, destination, timeout_s=0.1)


def test_an_answer_that_is_not_http(server: Server, destination: Path) -> None:
    server.script = [says_ssh]
    with pytest.raises(DataError, match="could not be reached"):
        fetch(server.url, destination)


def test_only_http(destination: Path) -> None:
    with pytest.raises(DataError, match="not an http or https address"):
        fetch("file:///etc/passwd", destination)


def test_a_full_disk_is_named_and_the_next_call_goes_on(
    server: Server, destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.FileIO):
        n_left = 400_000

        def write(self, block: Any) -> int:
            if self.n_left == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            written = super().write(block[: self.n_left])  # a disk that fills up writes the part that fits
            self.n_left -= written
            return written

    def open_full(path: Path, mode: str = "r", *arguments: Any, **keywords: Any) -> Any:
        if mode == "ab" and path.suffix == ".partial":
            return io.BufferedWriter(Full(path, "ab"))
        return ordinary(path, mode, *arguments, **keywords)

    ordinary = Path.open
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", open_full)
        with pytest.raises(StorageError, match=r"No space left on device.*make room") as caught:
            fetch(server.url, destination, sha256=SHA256)
    assert caught.value.exit_status == 2
    fetch(server.url, destination, sha256=SHA256)
    assert destination.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=400000-"]


def test_a_folder_that_cannot_be_made(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="could not be written"):
        fetch(server.url, tmp_path / "file" / "set")


CHILD = """
import sys
from pathlib import Path
from lstmkit.data.fetch import fetch
assert "torch" not in sys.modules
url, destination, sha256 = sys.argv[1:]
print("ready", flush=True)
fetch(url, Path(destination), sha256=sha256, progress=lambda n, _: n >= 400_000 and print("some", flush=True))
"""


def child(server: Server, destination: Path) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, "-c", CHILD, server.url, str(destination), SHA256]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE)


def lines(process: subprocess.Popen[bytes]) -> BinaryIO:
    assert process.stdout is not None
    return process.stdout  # type: ignore[return-value]


def test_killed_midway_the_next_call_goes_on(server: Server, destination: Path) -> None:
    server.script = [stalls_after(400_000)]
    with child(server, destination) as process:
        assert lines(process).readline() == b"ready\n"
        assert lines(process).readline() == b"some\n"
        process.send_signal(signal.SIGKILL)
    server.gate.set()
    arrived = destination.with_name("set.tar.gz.partial").stat().st_size
    assert 0 < arrived <= 400_000
    assert not destination.exists()
    fetch(server.url, destination, sha256=SHA256)
    assert destination.read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={arrived}-"]
    assert leftovers(destination) == []


def test_several_processes_fetch_once(server: Server, destination: Path) -> None:
    server.script = [stalls_after(400_000)]
    processes = [child(server, destination) for _ in range(3)]
    for process in processes:
        assert lines(process).readline() == b"ready\n"
    server.gate.set()
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert destination.read_bytes() == CONTENT
    assert server.ranges == [None]
    assert leftovers(destination) == []
