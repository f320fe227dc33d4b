#!/usr/bin/env bash
# Polars reads a year of two figures by %Y as a year of the first century, and an unknown letter as no error.
#
# Seen with polars 2.1.0 on 2026-11-30: "13/03/26" by "%d/%m/%Y" is 13 March of the year 26, where Python's strptime
# wants four figures; and by a format with a letter that does not exist, such as %Q, a column is null throughout
# with strict=False, as if its texts were wrong. dt.strftime refuses the same letter.
# Why it matters: a format that reads 100 % of a column need not be the one that it is written in.
# penchant/logs/moments.py counts years from 1000 on only, and penchant/logs/clocks.py writes a day by a format
# before it trusts it.
# Fails if such a year is refused, or such a letter.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check polars==2.1.0
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
from datetime import date, datetime

import polars as pl

print("polars", pl.__version__)
texts = pl.Series(["13/03/26"])
read = texts.str.to_date("%d/%m/%Y").to_list()
print("13/03/26 by %d/%m/%Y:", read, "| by %Q:", texts.str.to_date("%Q", strict=False).to_list())
assert read == [date(26, 3, 13)], "a year of two figures is no %Y now: look at _YEAR_1000 in penchant/logs/moments.py"
try:
    datetime.strptime("13/03/26", "%d/%m/%Y")
except ValueError as error:
    print("Python:", error)
assert texts.str.to_date("%Q", strict=False).to_list() == [None], "unknown letters are refused now"
try:
    pl.Series([date(2026, 3, 13)]).dt.strftime("%Q")
except pl.exceptions.ComputeError:
    print("strftime refuses %Q")
else:
    raise AssertionError("strftime takes %Q now: look at _usable in penchant/logs/clocks.py")
PYTHON
