"""A real server that speaks S3: files, folders, globs and tables of lakes, found by what the environment says."""

import gzip
import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.fs
import pytest
from deltalake import write_deltalake
from moto.server import ThreadedMotoServer

from penchant.errors import DataError
from penchant.logs.formats.opened import open_parts
from penchant.logs.formats.part import Part
from penchant.logs.tables import TableConfig
from tests.logs.formats.iceberg_on_disk import create_iceberg

SECRET = "hush-hush"  # noqa: S105
REGION = "us-east-1"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def environment(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"ENDPOINT_URL": address, "ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": SECRET, "REGION": REGION}
    for name, value in {**said, "EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)


@pytest.fixture
def bucket(environment: None, address: str) -> str:
    """The files of a bucket, written again for each test."""
    host = address.removeprefix("http://")
    system = pyarrow.fs.S3FileSystem(endpoint_override=host, scheme="http", allow_bucket_creation=True)
    system.create_dir("bucket")
    packed = io.BytesIO()
    pl.DataFrame({"user": ["a"]}).write_parquet(packed)
    for path, content in {
        "log/date=2026-03-01/a.parquet": packed.getvalue(),
        "log/date=2026-03-02/b.csv": b"user\nb\n",
        "log/date=2026-03-02/_SUCCESS": b"",
        "log/c.csv.gz": gzip.compress(b"user\nc\n"),
        "log/d.jsonl": b'{"user": "d"}\n',
    }.items():
        with system.open_output_stream(f"bucket/{path}", compression=None) as file:
            file.write(content)
    return "s3://bucket"


def parts_of(files: str) -> list[Part]:
    return open_parts(TableConfig.parse({"files": files}, origin="test"), Path("/nowhere"))


def users_of(files: str) -> list[Any]:
    return [user for part in parts_of(files) for batch in part.batches(["user"]) for user in batch.frame["user"]]


@pytest.mark.parametrize(
    ("files", "users"),
    [
        ("log", ["c", "d", "a", "b"]),
        ("log/", ["c", "d", "a", "b"]),
        ("log/*", ["c", "d", "a", "b"]),
        ("log/**", ["c", "d", "a", "b"]),
        ("log/date=*/*", ["a", "b"]),
        ("**/*.parquet", ["a"]),
        ("log/*.csv*", ["c"]),
        ("log/d.jsonl", ["d"]),
        ("log/[cd].*", ["c", "d"]),
        ("log/?.jsonl", ["d"]),
    ],
)
def test_files_folders_and_globs_are_read(files: str, users: list[str], bucket: str) -> None:
    assert users_of(f"{bucket}/{files}") == users
    assert users_of(f"s3a://bucket/{files}") == users


def test_names_partitions_sizes_and_states_are_those_of_the_store(bucket: str) -> None:
    part = parts_of(f"{bucket}/log/date=2026-03-01")[0]
    assert part.name == "s3://bucket/log/date=2026-03-01/a.parquet"
    assert part.partition == {"date": "2026-03-01"}
    assert part.state.startswith(f"{part.name} ")
    assert part.sample().rows() == [("a", "2026-03-01")]
    assert [one.count() for one in parts_of(f"{bucket}/log/*/*.parquet")] == [1]


@pytest.mark.parametrize("files", ["nothing.csv", "nothing/*.csv", "nothing"])
def test_what_is_not_there_is_named(files: str, bucket: str) -> None:
    for store in (bucket, "s3://no-such-bucket"):
        with pytest.raises(DataError, match=rf"no file matches '{store}/{files.replace('*', '.')}'"):
            parts_of(f"{store}/{files}")


def test_a_delta_table_is_read(bucket: str) -> None:
    options = {"AWS_ALLOW_HTTP": "true", "AWS_S3_ALLOW_UNSAFE_RENAME": "true"}
    write_deltalake(f"{bucket}/delta", pa.table({"user": ["a", "b"]}), mode="overwrite", storage_options=options)
    assert users_of(f"{bucket}/delta") == ["a", "b"]
    with pytest.raises(DataError, match=r'lies in a Delta table, .* files = "s3://bucket/delta"'):
        parts_of(f"{bucket}/delta/*.parquet")


def test_an_iceberg_table_is_read(bucket: str, address: str) -> None:
    table = create_iceberg(
        f"{bucket}/iceberg", pa.schema([("user", pa.string())]), **{"s3.endpoint": address, "s3.region": REGION}
    )
    table.append(pa.table({"user": ["a", "b"]}))
    assert users_of(f"{bucket}/iceberg") == ["a", "b"]


def test_a_store_that_says_no_is_told_in_one_sentence_without_secrets(
    bucket: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"{address}/no-store/of/this/kind")
    with pytest.raises(DataError) as caught:
        parts_of(f"{bucket}/log/d.jsonl")
    assert "s3://bucket/log/d.jsonl" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value)
