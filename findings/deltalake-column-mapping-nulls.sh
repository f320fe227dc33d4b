#!/usr/bin/env bash
# deltalake gives PyArrow nothing but nulls of a table whose columns are mapped by name.
#
# Seen with deltalake 1.6.6 and pyarrow 26.0.1 on 2026-11-30: a table that write_deltalake itself wrote with
# delta.columnMapping.mode = "name" has columns called col-… in its files. to_pyarrow_table and to_pyarrow_dataset
# look for the names of the schema in the files, find none, and give null for every value: no error, no warning. Its
# QueryBuilder gives the values.
# Why it matters: renaming or dropping a column of a Delta table turns this mode on. penchant/logs/formats/lakes.py
# asks the engine.
# Fails if the values are read, or an error comes in their place.
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
write_deltalake("log", pa.table({"user": ["a", "b"]}), configuration={"delta.columnMapping.mode": "name"})
engine = deltalake.QueryBuilder().register("log", DeltaTable("log")).execute("select * from log")
by_engine = pa.table(engine.read_all()).to_pylist()
by_arrow = DeltaTable("log").to_pyarrow_table().to_pylist()
print("its own engine:", by_engine, "| to_pyarrow_table:", by_arrow)
assert by_engine == [{"user": "a"}, {"user": "b"}]
assert by_arrow == [{"user": None}, {"user": None}], "mapped columns are read now: look at DeltaPart in lakes.py"
PYTHON
