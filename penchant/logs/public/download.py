"""Download one file from one address: resumable, checked by size and SHA-256; half a file is never used.

The bytes that have come are kept in the file itself, so a file that somebody put there by hand is used if its size and
hash are right.
"""

import hashlib
import http.client
import ipaddress
import ssl
import time
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from penchant.errors import PenchantError
from penchant.files import disk_errors, remove
from penchant.progress import Progress, Report, quiet

_CHUNK = 1 << 20
_PASSING = {408, 425, 429, 500, 502, 503, 504}
"""Answers that may be others a moment later."""


class FetchError(PenchantError):
    """A data set cannot be downloaded, or is not the one that its publisher offered."""


class _BrokenError(Exception):
    """The connection broke; what has come is kept, and another try may help."""


@dataclass(frozen=True)
class Remote:
    """A file that its publisher offers; size: its bytes."""

    url: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Patience:
    """How long a download keeps trying. timeout_s: how long it waits for a byte; tries: how many in a row may bring
    nothing new; pause_s: the pause after the first try, doubled after each further one."""

    timeout_s: float = 30.0
    tries: int = 6
    pause_s: float = 1.0


PATIENT = Patience()


def download(remote: Remote, part: Path, *, patience: Patience = PATIENT, report: Report = quiet) -> None:
    """Fill `part` with the whole file. A download that was stopped goes on where it was when the same call is made
    again.

    Raises FetchError where the publisher cannot be reached, or what came is not the file as it was described: then
    `part` is removed. Raises DiskFullError. Proxies are taken from the environment (https_proxy, no_proxy).
    """
    tries = 0
    while (have := _size(part)) < remote.size:
        try:
            _go_on(remote, part, patience.timeout_s, report)
        except _BrokenError as broken:
            tries = 1 if _size(part) > have else tries + 1
            if tries >= patience.tries:
                raise FetchError(
                    f"{remote.url}: {broken}; {_size(part):,} of {remote.size:,} bytes are kept, and the same command "
                    f"goes on from there; or {_by_hand(part)}"
                ) from broken
            pause_s = patience.pause_s * 2 ** (tries - 1)
            report(Progress("download", _size(part), remote.size, f"{broken}; again in {pause_s:g} s"))
            time.sleep(pause_s)
    _verify(remote, part)


def _go_on(remote: Remote, part: Path, timeout_s: float, report: Report) -> None:
    """One connection: append to `part` what it does not have, or begin anew where the server cannot leave that out."""
    kept = _size(part)
    with _ask(remote.url, kept, part, timeout_s) as response:
        have = _first_byte(response, remote, kept)
        detail = "from the start: the server cannot go on in the middle" if have < kept else ""
        with disk_errors(part), open(part, "ab" if have else "wb") as file:
            while have <= remote.size and (chunk := _read(response)):
                file.write(chunk)
                have += len(chunk)
                report(Progress("download", have, remote.size, detail))
    if have < remote.size:
        raise _BrokenError("the connection ended early")


def _ask(url: str, have: int, part: Path, timeout_s: float) -> http.client.HTTPResponse:
    """Return the publisher's answer, from byte `have` on where the server can do that."""
    _refuse_plain(url)
    headers = {"User-Agent": "penchant", **({"Range": f"bytes={have}-"} if have else {})}
    request = Request(url, headers=headers)  # noqa: S310 - `_refuse_plain` has looked at it
    try:
        response: http.client.HTTPResponse = build_opener(_Redirects).open(request, timeout=timeout_s)
        return response
    except HTTPError as error:
        error.close()
        if error.code in _PASSING:
            raise _BrokenError(f"answered {error.code} {error.reason}") from error
        raise FetchError(f"{url} answered {error.code} {error.reason}; try later, or {_by_hand(part)}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, ssl.SSLCertVerificationError):
            said = reason.verify_message
            raise FetchError(f"{url} cannot prove who it is: {said}; try later, or {_by_hand(part)}") from error
        raise _BrokenError(str(reason) or type(reason).__name__) from error


def _first_byte(response: http.client.HTTPResponse, remote: Remote, have: int) -> int:
    """The place in the file of the answer's first byte: `have`, or 0 where the server sends all of it again."""
    begins, total = 0, response.length
    if response.status == HTTPStatus.PARTIAL_CONTENT:
        span, _, whole = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
        if not have or not span.startswith(f"{have}-"):
            raise FetchError(f"{remote.url} was asked for the bytes from {have:,} on and sent {span!r}; try later")
        begins, total = have, int(whole) if whole.isdigit() else None
    if total is not None and total != remote.size:
        raise FetchError(
            f"{remote.url} now has {total:,} bytes instead of {remote.size:,}: its publisher has changed the file, so "
            f"it cannot be checked"
        )
    return begins


def _read(response: http.client.HTTPResponse) -> bytes:
    """Yield bytes as soon as any have come, so that little is lost when the process is killed."""
    try:
        return response.read1(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenError(str(error) or type(error).__name__) from error


def _verify(remote: Remote, part: Path) -> None:
    """Raise FetchError, and remove `part`, where it is not the file that was described."""
    size = _size(part)
    if size > remote.size:
        remove(part)
        raise FetchError(
            f"{part} had {size:,} bytes where {remote.url} has {remote.size:,}, so it was removed; the same command "
            f"begins anew"
        )
    with open(part, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != remote.sha256:
        remove(part)
        raise FetchError(
            f"{part} had SHA-256 {found} instead of {remote.sha256}, so it was removed; the same command begins anew, "
            f"and if this happens again, the file was changed by its publisher or on the way"
        )


class _Redirects(HTTPRedirectHandler):
    """Follows redirects, but not to where anyone on the way may read and change the answer."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage, newurl: str
    ) -> Request | None:
        try:
            _refuse_plain(newurl)
        except FetchError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _refuse_plain(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_this_machine(parts.hostname or "")):
        raise FetchError(f"{url} is not https; plain http is allowed only to this machine itself")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _by_hand(part: Path) -> str:
    return f"get the file another way and save it as {part}: the same command then checks and unpacks it"


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0
