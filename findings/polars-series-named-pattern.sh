#!/usr/bin/env bash
# A Polars series whose name looks like a regular expression has no methods.
#
# Seen with polars 2.1.0 on 2026-11-30: Series("^a$", ["x"]).str.contains("x") raises IndexError, and so do is_in
# and str.to_uppercase; the same series under the name "a" answers. Such methods go through an expression on the
# series' own name, and a name from ^ to $ is a pattern there. A series named "*" is fine.
# Why it matters: a column of somebody's file may be called anything. Penchant renames a series before it asks it
# anything.
# Fails if the series answers.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check polars==2.1.0
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import polars as pl

print("polars", pl.__version__)
asked = {
    "str.contains": lambda one: one.str.contains("x"),
    "is_in": lambda one: one.is_in(["x"]),
    "str.to_uppercase": lambda one: one.str.to_uppercase(),
}
for what, ask in asked.items():
    assert len(ask(pl.Series("a", ["x"]))) == len(ask(pl.Series("*", ["x"]))) == 1
    try:
        ask(pl.Series("^a$", ["x"]))
    except IndexError as error:
        print(f"{what} of a series named ^a$:", error)
    else:
        raise AssertionError(f"{what} answers now: renaming in penchant/logs is no longer needed")
PYTHON
