#!/usr/bin/env bash
# deltalake hands no table with deletion vectors to PyArrow, though its own engine reads them.
#
# Seen with deltalake 1.6.6 and pyarrow 26.0.1 on 2026-11-30: write_deltalake takes delta.enableDeletionVectors =
# true, a property that Databricks sets, and writes the table; to_pyarrow_table and to_pyarrow_dataset of the same
# library then raise DeltaProtocolError, although no row was deleted yet. Its QueryBuilder reads the table.
# Why it matters: tables of Databricks have the feature. penchant/logs/formats/lakes.py asks the engine where
# PyArrow may not read.
# Fails if PyArrow may read the table.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check deltalake==1.6.6 pyarrow==26.0.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import deltalake
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

print("deltalake", deltalake.__version__)
write_deltalake("log", pa.table({"user": ["a", "b"]}), configuration={"delta.enableDeletionVectors": "true"})
engine = deltalake.QueryBuilder().register("log", DeltaTable("log")).execute("select count(*) as n from log")
print("its own engine:", pa.table(engine.read_all()).to_pylist())
try:
    DeltaTable("log").to_pyarrow_table()
except deltalake.exceptions.DeltaProtocolError as error:
    print("to_pyarrow_table:", error)
else:
    raise AssertionError("deletion vectors are read now: look at DeltaPart in penchant/logs/formats/lakes.py")
PYTHON
