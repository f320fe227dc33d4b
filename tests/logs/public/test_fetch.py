"""Downloading: from a real web server on this machine that breaks off, lies, stalls or knows no ranges."""

import hashlib
import io
import os
import signal
import ssl
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from penchant.choices import PUBLIC_SETS
from penchant.command.offline import app
from penchant.logs.propose import known_source
from penchant.logs.public.download import FetchError, Patience, Remote
from penchant.logs.public.fetch import DATA_SETS, ZippedData, fetch, is_whole, known_set
from penchant.progress import Progress
from tests.helpers.processes import HANG_S, Forked, until

FILES = {"README.txt": b"Be kind.", "ratings.csv": os.urandom(300_000)}
HASTY = Patience(timeout_s=5.0, tries=3, pause_s=0.01)


def zip_of(files: dict[str, bytes], folder: str = "tiny") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"{folder}/{name}", content)
    return packed.getvalue()


@dataclass
class Answer:
    """How one request is answered. cut: bytes sent before the line breaks; silence: after them, until this is set;
    headers: instead of the true ones."""

    status: int = 0
    cut: int | None = None
    silence: threading.Event | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Publisher:
    """A web server. answers: one for each request, whole and true ones after the last; asked: the Range of each."""

    content: bytes
    ranges: bool = True
    length: bool = True
    answers: list[Answer] = field(default_factory=list)
    asked: list[str | None] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    url: str = ""

    def entry(self, content: bytes | None = None) -> ZippedData:
        """What the catalogue says of the file: what `content` is, the server's own if not given."""
        true = self.content if content is None else content
        remote = Remote(self.url, len(true), hashlib.sha256(true).hexdigest())
        return ZippedData(remote, "tiny", tuple(FILES), unpacked=1_000_000)

    def reply(self, handler: BaseHTTPRequestHandler) -> None:
        wanted = handler.headers.get("Range")
        self.asked.append(wanted)
        self.paths.append(handler.path)
        answer = self.answers.pop(0) if self.answers else Answer()
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.ranges else 0
        body = self.content[start:]
        handler.send_response(answer.status or (206 if start else 200))
        headers = {"Content-Length": str(len(body))} if self.length else {}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
        for name, value in {**headers, **answer.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        sent = body if answer.cut is None else body[: answer.cut]
        for place in range(0, len(sent), 8192):
            handler.wfile.write(sent[place : place + 8192])
            handler.wfile.flush()
        if answer.silence:
            assert answer.silence.wait(HANG_S)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Publisher]]:
    """Starts a publisher on a free port. What the environment says of proxies does not hold here."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    servers = []

    def start(content: bytes, *, certificate: Path | None = None, **behaviour: object) -> Publisher:
        publisher = Publisher(content, **behaviour)  # type: ignore[arg-type]

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                try:
                    publisher.reply(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        scheme = "https" if certificate else "http"
        publisher.url = f"{scheme}://127.0.0.1:{server.server_address[1]}/tiny.zip"
        return publisher

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "fetched.json"}


def part_of(folder: Path) -> Path:
    return folder / "tiny.zip.part"


def test_a_data_set_is_downloaded_and_unpacked_and_nothing_else_is_left(
    serve: Callable[..., Publisher], tmp_path: Path
) -> None:
    publisher = serve(zip_of(FILES))
    said: list[Progress] = []
    folder = fetch(publisher.entry(), tmp_path / "new" / "data", report=said.append)
    assert folder == tmp_path / "new" / "data" / "tiny"
    assert written(folder) == FILES
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"]
    loaded = [progress.done for progress in said if progress.step == "download"]
    assert loaded == sorted(loaded)
    assert loaded[-1] == len(publisher.content)
    assert said[-1] == Progress("unpack", 2, 2)


def test_what_is_there_and_whole_is_not_asked_for_again(serve: Callable[..., Publisher], tmp_path: Path) -> None:
    publisher = serve(zip_of(FILES))
    data = publisher.entry()
    assert not is_whole(data, tmp_path)
    fetch(data, tmp_path)
    part_of(tmp_path).write_bytes(b"left by a kill after the last rename")
    assert is_whole(data, tmp_path)
    fetch(data, tmp_path)
    assert len(publisher.asked) == 1
    assert not part_of(tmp_path).exists()


@pytest.mark.parametrize("spoil", [lambda file: file.unlink(), lambda file: file.write_bytes(b"short")])
def test_a_folder_that_is_not_whole_is_named_and_kept(
    serve: Callable[..., Publisher], tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    publisher = serve(zip_of(FILES))
    folder = fetch(publisher.entry(), tmp_path)
    spoil(folder / "ratings.csv")
    with pytest.raises(FetchError, match=r"tiny is there, but not as `penchant fetch` leaves it"):
        fetch(publisher.entry(), tmp_path)
    assert (folder / "README.txt").exists()
    assert len(publisher.asked) == 1


def test_a_folder_of_another_version_is_not_whole(serve: Callable[..., Publisher], tmp_path: Path) -> None:
    data = serve(zip_of(FILES)).entry()
    fetch(data, tmp_path)
    assert not is_whole(replace(data, archive=replace(data.archive, sha256="0" * 64)), tmp_path)


def test_after_a_broken_line_it_asks_for_the_rest_only(serve: Callable[..., Publisher], tmp_path: Path) -> None:
    publisher = serve(zip_of(FILES), answers=[Answer(cut=100_000), Answer(cut=0), Answer(cut=50_000)])
    said: list[Progress] = []
    assert written(fetch(publisher.entry(), tmp_path, patience=HASTY, report=said.append)) == FILES
    assert publisher.asked == [None, "bytes=100000-", "bytes=100000-", "bytes=150000-"]
    assert [progress.detail for progress in said if "again in" in progress.detail] == [
        "the connection ended early; again in 0.01 s",
        "the connection ended early; again in 0.02 s",
        "the connection ended early; again in 0.01 s",
    ]


def test_it_gives_up_after_tries_that_bring_nothing_and_keeps_what_has_come(
    serve: Callable[..., Publisher], tmp_path: Path
) -> None:
    content = zip_of(FILES)
    publisher = serve(content, answers=[Answer(cut=100_000), Answer(cut=0), Answer(cut=0)])
    with pytest.raises(FetchError, match=rf"ended early; 100,000 of {len(content):,} bytes are kept"):
        fetch(publisher.entry(), tmp_path, patience=HASTY)
    assert part_of(tmp_path).read_bytes() == content[:100_000]
    assert written(fetch(publisher.entry(), tmp_path)) == FILES
    assert publisher.asked[-1] == "bytes=100000-"


def test_a_server_that_falls_silent_is_left_and_asked_again(serve: Callable[..., Publisher], tmp_path: Path) -> None:
    silence = threading.Event()
    publisher = serve(zip_of(FILES), answers=[Answer(cut=100_000, silence=silence)])
    fetch(publisher.entry(), tmp_path, patience=replace(HASTY, timeout_s=1.0))
    silence.set()
    assert publisher.asked == [None, "bytes=100000-"]


def test_a_server_without_ranges_is_read_from_the_start(serve: Callable[..., Publisher], tmp_path: Path) -> None:
    publisher = serve(zip_of(FILES), ranges=False, answers=[Answer(cut=100_000)])
    said: list[Progress] = []
    assert written(fetch(publisher.entry(), tmp_path, patience=HASTY, report=said.append)) == FILES
    assert publisher.asked == [None, "bytes=100000-"]
    assert "from the start: the server cannot go on in the middle" in {progress.detail for progress in said}


def test_a_server_without_ranges_that_always_breaks_off_ends(serve: Callable[..., Publisher], tmp_path: Path) -> None:
    publisher = serve(zip_of(FILES), ranges=False, answers=[Answer(cut=100_000)] * 9)
    with pytest.raises(FetchError, match=r"ended early; 100,000 of"):
        fetch(publisher.entry(), tmp_path, patience=HASTY)
    assert len(publisher.asked) == 3


@pytest.mark.parametrize("length", [True, False])
def test_wrong_bytes_are_removed_and_the_next_call_begins_anew(
    serve: Callable[..., Publisher], tmp_path: Path, length: bool
) -> None:
    right = zip_of(FILES)
    publisher = serve(right[:-1] + b"x", length=length)
    data = publisher.entry(right)
    with pytest.raises(FetchError, match=rf"had SHA-256 [0-9a-f]{{64}} instead of {data.archive.sha256}"):
        fetch(data, tmp_path)
    assert list(tmp_path.iterdir()) == []
    publisher.content = right
    assert written(fetch(data, tmp_path)) == FILES
    assert publisher.asked == [None, None]


def test_a_part_longer_than_the_file_is_removed(serve: Callable[..., Publisher], tmp_path: Path) -> None:
    publisher = serve(zip_of(FILES))
    size = len(publisher.content)
    part_of(tmp_path).write_bytes(b"x" * (size + 1))
    with pytest.raises(FetchError, match=rf"had {size + 1:,} bytes where http.* has {size:,}, so it was removed"):
        fetch(publisher.entry(), tmp_path)
    assert written(fetch(publisher.entry(), tmp_path)) == FILES


def test_a_server_that_does_not_stop_is_stopped(serve: Callable[..., Publisher], tmp_path: Path) -> None:
    right = zip_of(FILES)
    publisher = serve(right + b"x" * 10_000_000, length=False)
    said: list[Progress] = []
    with pytest.raises(FetchError, match=r"so it was removed"):
        fetch(publisher.entry(right), tmp_path, report=said.append)
    assert said[-1].done < 2_000_000
    assert list(tmp_path.iterdir()) == []


def test_another_size_is_told_before_anything_is_written(serve: Callable[..., Publisher], tmp_path: Path) -> None:
    right = zip_of(FILES)
    publisher = serve(right + b"!")
    said = rf"now has {len(right) + 1:,} bytes instead of {len(right):,}: its publisher has changed the file"
    with pytest.raises(FetchError, match=said):
        fetch(publisher.entry(right), tmp_path)
    assert not part_of(tmp_path).exists()
    part_of(tmp_path).write_bytes(right[:7])
    with pytest.raises(FetchError, match=said):
        fetch(publisher.entry(right), tmp_path)
    assert part_of(tmp_path).read_bytes() == right[:7]


def test_bytes_that_were_not_asked_for_are_refused(serve: Callable[..., Publisher], tmp_path: Path) -> None:
    publisher = serve(zip_of(FILES), answers=[Answer(headers={"Content-Range": "bytes 5-9/10"})])
    part_of(tmp_path).write_bytes(publisher.content[:1_000])
    with pytest.raises(FetchError, match=r"asked for the bytes from 1,000 on and sent '5-9'"):
        fetch(publisher.entry(), tmp_path)
    assert part_of(tmp_path).stat().st_size == 1_000


def test_a_404_is_not_tried_again(serve: Callable[..., Publisher], tmp_path: Path) -> None:
    publisher = serve(zip_of(FILES), answers=[Answer(status=404)])
    with pytest.raises(FetchError, match=r"tiny.zip answered 404 Not Found; .* save it as .*tiny\.zip\.part"):
        fetch(publisher.entry(), tmp_path)
    assert len(publisher.asked) == 1


def test_a_busy_server_is_asked_again(serve: Callable[..., Publisher], tmp_path: Path) -> None:
    publisher = serve(zip_of(FILES), answers=[Answer(status=503), Answer(status=429)])
    said: list[Progress] = []
    assert written(fetch(publisher.entry(), tmp_path, patience=HASTY, report=said.append)) == FILES
    assert "answered 503 Service Unavailable; again in 0.01 s" in [progress.detail for progress in said]


def test_a_server_that_is_not_there_is_named(tmp_path: Path, serve: Callable[..., Publisher]) -> None:
    data = ZippedData(Remote("http://127.0.0.1:9/tiny.zip", 9, "0" * 64), "tiny", tuple(FILES), unpacked=9)
    with pytest.raises(FetchError, match=r"http://127.0.0.1:9/tiny.zip: .*refused; 0 of 9 bytes are kept"):
        fetch(data, tmp_path, patience=HASTY)


@pytest.mark.parametrize("url", ["http://192.0.2.1/tiny.zip", "ftp://127.0.0.1/tiny.zip", "file:///etc/hostname"])
def test_only_https_is_asked_and_followed(serve: Callable[..., Publisher], tmp_path: Path, url: str) -> None:
    data = ZippedData(Remote(url, 9, "0" * 64), "tiny", tuple(FILES), unpacked=9)
    with pytest.raises(FetchError, match=rf"{url} is not https"):
        fetch(data, tmp_path)
    publisher = serve(zip_of(FILES), answers=[Answer(status=302, headers={"Location": url})])
    with pytest.raises(FetchError, match=rf"{url}.? is not (https|allowed)"):
        fetch(publisher.entry(), tmp_path)


def test_a_redirect_keeps_the_range(serve: Callable[..., Publisher], tmp_path: Path) -> None:
    there = serve(zip_of(FILES))
    here = serve(there.content, answers=[Answer(status=302, headers={"Location": there.url})])
    part_of(tmp_path).write_bytes(there.content[:1_000])
    assert written(fetch(here.entry(), tmp_path)) == FILES
    assert there.asked == ["bytes=1000-"]


def test_a_certificate_that_does_not_hold_is_told_at_once(
    serve: Callable[..., Publisher], tmp_path: Path, absent: Callable[[str], None]
) -> None:
    certificate = tmp_path / "both.pem"
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
    try:
        command = ["openssl", *words, "-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "certificate")]
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        absent("there is no openssl to make a certificate with")
    certificate.write_bytes((tmp_path / "key").read_bytes() + (tmp_path / "certificate").read_bytes())
    publisher = serve(zip_of(FILES), certificate=certificate)
    with pytest.raises(FetchError, match=r"https://127.0.0.1.* cannot prove who it is: self.signed certificate"):
        fetch(publisher.entry(), tmp_path / "data")
    assert publisher.asked == []


def test_a_proxy_of_the_environment_is_used(
    serve: Callable[..., Publisher], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(zip_of(FILES))
    monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/tiny.zip"))
    data = replace(proxy.entry(), archive=replace(proxy.entry().archive, url="http://localhost:9/behind.zip"))
    assert written(fetch(data, tmp_path)) == FILES
    assert proxy.paths == ["http://localhost:9/behind.zip"]


def test_a_file_laid_there_by_hand_needs_no_network(tmp_path: Path) -> None:
    content = zip_of(FILES)
    part_of(tmp_path).write_bytes(content)
    remote = Remote("http://127.0.0.1:9/tiny.zip", len(content), hashlib.sha256(content).hexdigest())
    assert written(fetch(ZippedData(remote, "tiny", tuple(FILES), unpacked=1_000_000), tmp_path)) == FILES


def test_only_the_files_of_the_catalogue_are_written(serve: Callable[..., Publisher], tmp_path: Path) -> None:
    publisher = serve(zip_of({**FILES, "../../out.txt": b"slipped", "extra.csv": b"more"}))
    folder = fetch(publisher.entry(), tmp_path / "a" / "b")
    assert written(folder) == FILES
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {*FILES, "fetched.json"}


def test_an_archive_without_a_file_is_refused(serve: Callable[..., Publisher], tmp_path: Path) -> None:
    publisher = serve(zip_of({"README.txt": b"alone"}))
    with pytest.raises(FetchError, match=r"tiny.zip.part lacks tiny/ratings.csv"):
        fetch(publisher.entry(), tmp_path)
    assert not (tmp_path / "tiny").exists()


def test_an_archive_that_swells_is_refused_before_it_does(serve: Callable[..., Publisher], tmp_path: Path) -> None:
    publisher = serve(zip_of({**FILES, "ratings.csv": bytes(2_000_000)}))
    with pytest.raises(FetchError, match=r"would unpack to 2,000,008 bytes, more than the 1,000,000 expected"):
        fetch(publisher.entry(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.zip.part"]


def test_killed_in_the_middle_it_goes_on_from_there(serve: Callable[..., Publisher], tmp_path: Path) -> None:
    silence = threading.Event()
    publisher = serve(zip_of(FILES), answers=[Answer(cut=100_000, silence=silence)])
    data = publisher.entry()
    process = Forked(fetch, data, tmp_path)
    until(lambda: part_of(tmp_path).exists() and part_of(tmp_path).stat().st_size > 50_000)
    process.kill()
    silence.set()
    assert process.status() == -signal.SIGKILL
    kept = part_of(tmp_path).stat().st_size
    assert 50_000 < kept < data.archive.size
    assert written(fetch(data, tmp_path)) == FILES
    assert publisher.asked == [None, f"bytes={kept}-"]


def test_the_command_fetches_then_says_it_is_there_and_what_comes_next(
    serve: Callable[..., Publisher], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher = serve(zip_of(FILES))
    monkeypatch.setitem(DATA_SETS, "tiny", publisher.entry())
    monkeypatch.chdir(tmp_path)

    def call() -> str:
        result = CliRunner().invoke(app, ["fetch", "tiny", "--to", "my data"], catch_exceptions=False)
        assert result.exit_code == 0
        return result.stdout

    first = call()
    assert "my data/tiny is fetched and checked; its terms of use are in README.txt." in first
    assert "penchant init 'my data/tiny' --out tiny.toml" in first
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "tiny.toml").touch()
    again = call()
    assert "my data/tiny is there already;" in again
    assert f"PENCHANT_DATA='{tmp_path / 'my data'}' penchant run configs/tiny.toml --out runs/tiny" in again
    assert len(publisher.asked) == 1


def test_a_name_that_is_not_in_the_catalogue_is_named() -> None:
    with pytest.raises(FetchError, match=r"no data set is called 'movielens-9m'; there are movielens-20m, "):
        known_set("movielens-9m")


def test_help_names_the_data_sets_of_the_catalogue() -> None:
    assert tuple(DATA_SETS) == PUBLIC_SETS


@pytest.mark.parametrize("name", DATA_SETS)
def test_every_data_set_of_the_catalogue_has_a_layout_that_is_read(name: str, tmp_path: Path) -> None:
    data = known_set(name)
    assert data.archive.url.startswith("https://files.grouplens.org/")
    assert len(bytes.fromhex(data.archive.sha256)) == 32
    assert data.archive.size < data.unpacked
    for file in data.files:
        (tmp_path / file).touch()
    assert known_source([tmp_path]) == "movielens"
