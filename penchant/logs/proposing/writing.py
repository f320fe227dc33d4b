"""The text of the run file: what a person has to know as comments on top, then the sections."""

import os
from pathlib import Path

from penchant.logs.formats.opened import open_parts
from penchant.logs.proposing.proposal import LIST, RECENT, Proposal, plain, quoted
from penchant.logs.sources import known_tables


def as_toml(proposal: Proposal) -> str:
    """The run file, with what a person has to look at on top."""
    comments = [
        _comment("Look at these before you run:", proposal.notes),
        _comment("What was taken for what, and why:", proposal.reasons),
        _comment("Left out:", proposal.left_out),
    ]
    head = "".join(comments)
    parts = []
    for name, lines in proposal.sections.items():
        title = "[[logs.tables.item_values]]" if name.startswith("[") else f"[{name}]"
        parts.append("\n".join([title, *lines]))
    item_field = f'{{ name = "{LIST}", limit = 30, last = 30, order = "recent" }}'
    limits = [f"{{ name = {quoted(name)}, limit = {limit} }}" for name, limit in proposal.fields.items()]
    recent = f'{{ name = "{RECENT}", of = {quoted(proposal.label)}, last = 20, half_life = 7.0, limit = 30 }}'
    fields = ",\n".join(f"  {line}" for line in [*limits, recent, item_field])
    parts.append(f"[features]\nfields = [\n{fields},\n]\nmin_count = {{ item = 5 }}")
    parts.append(_learning(f"field = {quoted(proposal.label)}\n", proposal.rows))
    if proposal.title:
        parts.append(f'[profiles]\nitem_name = "{proposal.title}"')
    return head + "\n\n".join(parts) + "\n"


def _comment(title: str, said: list[str]) -> str:
    return f"# {title}\n" + "".join(f"# - {plain(one)}\n" for one in said) + "\n" if said else ""


LARGE = 2_000_000
"""Rows from which on a deep model stands beside the closed form. Measured: it earned nothing on logs of up to a million
clicks, whose users have few windows to learn from, and takes most of the time."""

_SMALL_LOG = """\
# {rows:,} rows, a small log: own clicks and ridge regression in closed form, many windows per user, no deep model.
[labels]
{field}windows = 8      # training windows per user …
stride = 0.05    # … each ending 5 % of the history earlier
# Windows are shares of each user's events. Where what is popular changes by the day, by = "days" asks about tomorrow:
# a harder question, with other numbers (docs/bring-your-own-data.md).

[models.tags]
name = "blend"

{lookalike}"""
_LARGE_LOG = """\
# {rows:,} rows, a large log: few windows per user, and a deep model, which gets the share that it earns.
[labels]
{field}windows = 2      # training windows per user …
stride = 0.1     # … each ending 10 % of the history earlier

[models.tags]
name = "blend"
deep = {{ name = "utpm", embedding = 32, user = 32, dropout = 0.2 }}

[models.tags.training]
batch = 256
epochs = 6
patience = 1

{lookalike}"""
_LOOKALIKE = """\
# For audiences of items, take the # away from these two lines. The run then takes several times as long, and may be
# given again with the same --out: what is trained already stays (docs/look-alike.md).
# [models.ralm]
# name = "ralm"
"""


def _learning(field: str, rows: int) -> str:
    """What is learned and how, by the size of the log."""
    return (_SMALL_LOG if rows < LARGE else _LARGE_LOG).format(field=field, rows=rows, lookalike=_LOOKALIKE).rstrip()


def source_toml(source: str, folder: Path, beside: Path) -> str:
    """The run file of a known data set."""
    title = source in ("movielens", "hetrec-lastfm")
    name = '\n\n[profiles]\nitem_name = "title"' if title else ""
    where = os.path.relpath(folder.resolve(), beside.resolve())
    rows = sum(part.count() for part in open_parts(known_tables(source, folder).events, folder))
    return (
        "# Recognised by its file names; the mapping is in penchant/logs/sources.py.\n"
        f'[logs]\nsource = "{source}"\nfolder = {quoted(where)}\n\n'
        '[features]\nfields = [\n  { name = "tags", limit = 30 },\n'
        '  { name = "recent", of = "tags", last = 20, half_life = 7.0, limit = 30 },\n'
        '  { name = "item", limit = 30, last = 30, order = "recent" },\n]\nmin_count = { item = 5 }\n\n'
        f"{_learning('', rows)}{name}\n"
    )
