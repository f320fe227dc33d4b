#!/usr/bin/env bash
# DuckDB hands an unsigned 128-bit number to Arrow as a negative one.
#
# Seen with duckdb 2.0.1 and pyarrow 26.0.1 on 2026-11-30: 2^128 - 1 of type UHUGEINT is fetched right by
# fetchall(), but to_arrow_table() gives decimal128(38, 0) with the value -1; from 2^127 on every value comes out as
# a negative one. No error, no warning.
# Why it matters: ids such as md5_number() or hash sums are of this type. penchant/logs/formats/sql.py reads them as
# texts.
# Fails if the number comes out right, or an error comes in its place.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1 pyarrow==26.0.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import duckdb

print("duckdb", duckdb.__version__)
number = 2**128 - 1
found = duckdb.connect().sql(f"select {number}::uhugeint as n")
fetched, table = found.fetchall()[0][0], found.to_arrow_table()
print("fetchall:", fetched, "| Arrow:", table.schema.field("n").type, table["n"][0].as_py())
assert fetched == number
assert table["n"][0].as_py() == -1, "wide numbers are told otherwise now: look at WIDE in penchant/logs/formats/sql.py"
PYTHON
