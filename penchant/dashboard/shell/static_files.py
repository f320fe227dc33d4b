"""Style, scripts and vendored libraries: read once, compressed once, and kept by browsers for a year."""

import gzip
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from fastapi import Request, Response
from starlette.exceptions import HTTPException

from penchant.dashboard.shell.access import ROOT

FOLDERS = sorted(Path(__file__).parent.parent.glob("*/static"))
TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class _Static:
    content: bytes
    packed: bytes
    version: str
    media_type: str


class Assets:
    """The static files of all pages, by name. The address of a file changes whenever its content does."""

    def __init__(self) -> None:
        self._files = {
            path.name: _read(path) for folder in FOLDERS for path in sorted(folder.rglob("*")) if path.suffix in TYPES
        }

    def url(self, name: str) -> str:
        """Return the address of a file."""
        return f"{ROOT}/static/{name}?v={self._files[name].version}"

    async def answer(self, request: Request) -> Response:
        """Send the file that the last part of the path names."""
        found = self._files.get(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        headers = {"Vary": "Accept-Encoding"}
        if request.query_params.get("v") == found.version:
            headers["Cache-Control"] = FOREVER
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(found.packed, media_type=found.media_type, headers={**headers, "Content-Encoding": "gzip"})
        return Response(found.content, media_type=found.media_type, headers=headers)


def _read(path: Path) -> _Static:
    content = path.read_bytes()
    return _Static(content, gzip.compress(content, 9, mtime=0), sha256(content).hexdigest()[:12], TYPES[path.suffix])
