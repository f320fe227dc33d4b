"""An audience as a file."""

from io import BytesIO

import polars as pl

from penchant.dashboard.audiences.export import csv, file_name, parquet


def test_a_csv_opens_in_a_spreadsheet_without_doing_anything() -> None:
    users = [
        "=1+1",
        "+cmd",
        "-2+3",
        "@x",
        "\tx",
        "\rx",
        "＝1+1",
        "\n=1",
        "\u200b+1",
        "-17",
        "+4.5",
        "007",
        'a "b"\nc',
        "anna",
    ]
    content = csv([(user, 0.5) for user in users])
    assert content.splitlines()[:3] == [b'"rank","user","score"', b'1,"\'=1+1",0.5', b'2,"\'+cmd",0.5']
    read = pl.read_csv(BytesIO(content), schema_overrides={"user": pl.String})
    assert read["rank"].to_list() == list(range(1, len(users) + 1))
    assert read["user"].to_list() == ["'=1+1", "'+cmd", "'-2+3", *(f"'{user}" for user in users[3:9]), *users[9:]]


def test_parquet_holds_users_as_they_are() -> None:
    read = pl.read_parquet(BytesIO(parquet([("=1+1", 0.5), ("007", 0.25)])))
    assert read.rows() == [(1, "=1+1", 0.5), (2, "007", 0.25)]


def test_names_of_files_are_short_and_differ() -> None:
    one, other = (file_name("ü/" * 400 + end, 50, "csv") for end in "ab")
    assert one != other
    assert len(one) < 140
    assert one.isascii()
    assert "/" not in one
