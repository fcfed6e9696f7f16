"""Downloads that survive a bad line: resumed, checked, whole or absent."""

import hashlib
import http.client
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lstmkit.core.errors import DataError, StorageError
from lstmkit.core.files import write_json
from lstmkit.core.locks import locked

Progress = Callable[[int, int | None], None]

_BLOCK_BYTES = 1 << 18
_MOST_RESUMPTIONS = 5


def fetch(
    url: str,
    destination: Path,
    *,
    md5: str | None = None,
    sha256: str | None = None,
    progress: Progress | None = None,
    place: str | None = None,
    timeout_s: float = 30.0,
) -> Path:
    """Download a file; it appears at `destination` whole and checked, or not at all.

    What has arrived is kept in `<destination>.partial`, and a later call goes on from there if the server still has the
    same file (`Range` with `If-Range`, RFC 9110 section 13.1.5). A connection that breaks off is taken up again up to
    five times, as long as each gains bytes. Of several processes that ask at once one downloads and the others wait. A
    file that is there already is returned if its checksum is right, or none is given.

    Args:
        url: an http or https address.
        destination: the file to make; its folder is made too.
        md5, sha256: hexadecimal checksums that the content must have.
        progress: is told the bytes so far and, where the server says it, the total.
        place: where a user may put a copy of their own, for the error message; None: `destination`.
        timeout_s: seconds without a byte after which the connection counts as broken.

    Raises:
        DataError: the server cannot be reached, refuses, or breaks off again and again; the checksum is wrong.
        StorageError: the file cannot be written, as on a full disk.
    """
    advice = f"put a copy at {place or destination}"
    if not url.startswith(("http://", "https://")):
        raise DataError(f"{url}: not an http or https address; {advice}")
    expected = {name: value.lower() for name, value in (("md5", md5), ("sha256", sha256)) if value}
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with locked(destination.with_name(destination.name + ".lock")):
            if destination.is_file() and _sums(destination, expected) == expected:
                return destination
            download = _Download(url, destination, bool(expected), progress, timeout_s, advice)
            download.run()
            found = _sums(download.partial, expected)
            for name, value in expected.items():
                if found[name] != value:
                    download.forget()
                    raise DataError(
                        f"{url}: {name} is {found[name]}, {value} was expected; what came is removed; "
                        f"try again, or {advice}"
                    )
            download.partial.replace(destination)
            download.forget()
    except OSError as error:
        raise StorageError(
            f"{destination}: could not be written ({error.strerror or error}); what has arrived is kept; "
            "make room or give permission, and run the same command again"
        ) from error
    return destination


class _BrokenOffError(Exception):
    """The connection ended, or never began; what has arrived is kept."""


@dataclass
class _Download:
    url: str
    destination: Path
    is_checked: bool
    progress: Progress | None
    timeout_s: float
    advice: str

    def __post_init__(self) -> None:
        self.partial = self.destination.with_name(self.destination.name + ".partial")
        self.origin = self.destination.with_name(self.destination.name + ".partial.json")
        self.total: int | None = None
        self.is_reached = False

    @property
    def n_bytes(self) -> int:
        """How much has arrived."""
        return self.partial.stat().st_size if self.partial.exists() else 0

    def run(self) -> None:
        """Fill the partial file until it is whole."""
        most, reason = self.n_bytes, ""
        for _ in range(1 + _MOST_RESUMPTIONS):
            try:
                if self._attempt():
                    return
                reason = "the server would not go on from there"
            except _BrokenOffError as error:
                reason = str(error)
                if self.n_bytes <= most:
                    break
            most = max(most, self.n_bytes)
        if not self.is_reached:
            raise DataError(f"{self.url}: could not be reached ({reason}); try again, or {self.advice}")
        of_total = "" if self.total is None else f" of {self.total:,}"
        raise DataError(
            f"{self.url}: broke off after {self.n_bytes:,}{of_total} bytes ({reason}); "
            f"the same command goes on from there, or {self.advice}"
        )

    def forget(self) -> None:
        """Remove what has arrived."""
        self.partial.unlink(missing_ok=True)
        self.origin.unlink(missing_ok=True)

    def _attempt(self) -> bool:
        """One request. Whether the partial file is whole now; if not, it was of no use and is removed."""
        offset, validator = self.n_bytes, self._validator()
        headers = {"Accept-Encoding": "identity", "User-Agent": "lstmkit"}
        if offset and validator is None:
            self.forget()  # nothing would tell whether the rest belongs to it
            offset = 0
        if offset:
            headers["Range"] = f"bytes={offset}-"
            if validator:
                headers["If-Range"] = validator
        request = urllib.request.Request(self.url, headers=headers)  # noqa: S310  # the scheme has been checked
        try:
            response = urllib.request.urlopen(request, timeout=self.timeout_s)  # noqa: S310
        except urllib.error.HTTPError as error:
            with error:
                return self._refused(error, offset)
        except (OSError, http.client.HTTPException) as error:
            raise _BrokenOffError(_reason(error)) from error
        with response:
            return self._receive(response, offset)

    def _refused(self, error: urllib.error.HTTPError, offset: int) -> bool:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and offset:
            if error.headers.get("Content-Range", "") == f"bytes */{offset}":
                return True  # the last run ended between the last byte and the renaming
            self.forget()
            return False
        raise DataError(
            f"{self.url}: the server answers {error.code} ({error.reason}); try again later, or {self.advice}"
        )

    def _receive(self, response: http.client.HTTPResponse, offset: int) -> bool:
        self.is_reached = True
        length = response.headers.get("Content-Length", "")
        remaining = int(length) if length.isdecimal() else None
        if response.status == http.client.PARTIAL_CONTENT:
            part = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
            if part is None or int(part[1]) != offset:
                self.forget()
                return False
            self.total = int(part[2]) if part[2] != "*" else None
        else:
            offset, self.total = 0, remaining
            # Emptied before the new origin is written: old bytes never stand under a new validator.
            self.partial.write_bytes(b"")
            etag = response.headers.get("ETag", "")
            strong = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", "")
            write_json(self.origin, {"url": self.url, "validator": strong})
        with self.partial.open("ab") as file:
            while block := _read(response):
                file.write(block)
                offset += len(block)
                if self.progress:
                    self.progress(offset, self.total)
            file.flush()
            os.fsync(file.fileno())
        if self.total is not None and offset < self.total:
            raise _BrokenOffError("the connection was closed early")
        if self.total is not None and offset > self.total:  # a part that is longer than it says
            self.forget()
            return False
        return True

    def _validator(self) -> str | None:
        """What `If-Range` is to say; empty: nothing, the checksum will tell; None: what has arrived is of no use."""
        try:
            origin = json.loads(self.origin.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        if origin.get("url") != self.url:
            return None
        return origin.get("validator") or ("" if self.is_checked else None)


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read1(_BLOCK_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenOffError(_reason(error)) from error


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    return (cause.strerror if isinstance(cause, OSError) else "") or str(cause) or type(cause).__name__


def _sums(path: Path, names: dict[str, str]) -> dict[str, str]:
    digests = {name: hashlib.new(name, usedforsecurity=False) for name in names}
    with path.open("rb") as file:
        while digests and (block := file.read(_BLOCK_BYTES)):
            for digest in digests.values():
                digest.update(block)
    return {name: digest.hexdigest() for name, digest in digests.items()}
