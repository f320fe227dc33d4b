#!/usr/bin/env bash
# PyArrow reads a Parquet column that is not there as rows without columns, and one with a dot as two.
#
# Seen with pyarrow 26.0.1 on 2026-11-30: ParquetFile.iter_batches(columns=["nope"]) gives batches of all rows with
# no column, where pyarrow.parquet.read_table raises; and columns=["a.b"] gives a column called a.b and, from a
# struct called a, its field b as well. read_table gives the one column.
# Why it matters: a name that is misspelt, or a flat name with a dot as BigQuery's exports have them, goes wrong
# without a word. penchant/logs/formats/arrow_parts.py asks for the columns first, and selects by name what came.
# Fails if the two ways to read agree.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import pyarrow as pa
import pyarrow.parquet as pq

print("pyarrow", pa.__version__)
pq.write_table(pa.table([[1, 2], [{"b": 3, "c": 4}, None]], names=["a.b", "a"]), "log.parquet")


def batches(name):
    return [(batch.num_rows, batch.schema.names) for batch in pq.ParquetFile("log.parquet").iter_batches(columns=[name])]


print("nope:", batches("nope"), "| a.b:", batches("a.b"), "| read_table:", pq.read_table("log.parquet", columns=["a.b"]).column_names)
assert batches("nope") == [(2, [])], "a missing column is told now"
assert batches("a.b") == [(2, ["a.b", "a"])], "a name with a dot is one column now: look at arrow_batches"
assert pq.read_table("log.parquet", columns=["a.b"]).column_names == ["a.b"]
try:
    pq.read_table("log.parquet", columns=["nope"])
except pa.ArrowInvalid as error:
    print("read_table:", str(error)[:40])
else:
    raise AssertionError("read_table takes a missing column now")
PYTHON
