#!/usr/bin/env bash
# Polars renames an Arrow column without a name, and refuses the table if the new name is taken.
#
# Seen with polars 2.1.0 and pyarrow 26.0.1 on 2026-11-30: from_arrow gives a column called "" the name column_0
# (its place), so that it cannot be found under its own; and where another column is called column_0 the table is
# refused as if it had named one column twice. Polars' own frames may have a column called "", and its read_csv
# keeps it.
# Why it matters: pandas writes its index as a CSV column without a name, and PyArrow reads it so.
# Fails if the name stays.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check polars==2.1.0 pyarrow==26.0.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import polars as pl
import pyarrow as pa

print("polars", pl.__version__, "pyarrow", pa.__version__)
table = pa.table([[0, 1], ["a", "b"]], names=["", "user"])
print("from_arrow:", pl.from_arrow(table).columns, "| read_csv:", pl.read_csv(b",user\n0,a\n").columns)
assert pl.from_arrow(table).columns == ["column_0", "user"], "the name stays now: look at frame_of in penchant/logs/formats"
assert pl.read_csv(b",user\n0,a\n").columns == pl.DataFrame({"": [0], "user": ["a"]}).columns == ["", "user"]
try:
    pl.from_arrow(table.rename_columns(["", "column_0"]))
except pl.exceptions.DuplicateError as error:
    print("beside a column_0:", str(error).partition("\n")[0])
else:
    raise AssertionError("a table with '' and column_0 is read now")
PYTHON
