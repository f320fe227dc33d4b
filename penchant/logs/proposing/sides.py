"""What the tables beside the log are: items, users, tags of items, names of codes, or another log."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from penchant.logs.proposing import words
from penchant.logs.proposing.candidates import RoleCandidate, about
from penchant.logs.proposing.columns.profile import Column
from penchant.logs.proposing.fields import Fields, as_label, find_fields, is_called_title, why_no_field
from penchant.logs.proposing.moments import best_clock
from penchant.logs.proposing.proposal import Proposal
from penchant.logs.proposing.roles import LikelyLog
from penchant.logs.proposing.seen import SeenTable, are_of_two_things, called_alike, evidence, overlap

_ENOUGH, _CALLED = 0.3, 0.8
"""The share of values in common, and the likeness of names, either of which makes a column one of the log's ids."""
_NARROW = 5
"""Columns of a table with a row per item and property, at most."""
_ENDS = "head|tail|source|target|from|to|src|dst|other|related|neighbor"
"""What the two ends of a pair of items are called."""
_WEIGHT = "weight|relevance|count|n_users|users|score|confidence|votes"


@dataclass(frozen=True)
class Side:
    """A table beside the log, and its columns with the log's items and users, if it has them."""

    table: SeenTable
    item: Column | None
    user: Column | None

    @property
    def has_pairs(self) -> bool:
        """Whether it says which items belong together: another column has ids of the same kind."""
        item = self.item
        if item is None or self.user or item.is_unique:
            return False
        return any(_is_other_end(one, item) for one in self.table.columns if one is not item)


def _is_other_end(column: Column, item: Column) -> bool:
    if not column.looks_like_ids or len(column.distinct) < 0.3 * len(item.distinct):
        return False
    if column.is_number != item.is_number:
        return False
    shared = overlap(column, item)
    named = all(re.fullmatch(f"{_ENDS}|{words.IDS}|{words.ITEM}", one) for one in words.tokens_of(column.name))
    return named or (shared > 0.5 and shared * evidence(column, item, shared, 1.0) > 0.3)


def sides_of(log: LikelyLog, tables: Sequence[SeenTable]) -> list[Side]:
    """The tables beside the log, each with its columns of items and users."""
    others = [table for table in tables if table is not log.table]
    things = any(about(table, key) == "things" for table in others for key in table.keys)
    return [_side(log, table, things) for table in others]


def _side(log: LikelyLog, table: SeenTable, things: bool) -> Side:
    """Find the log's items and users in a table: by values in common first, then by names."""
    item = _match(table, log.table, log.item.column if log.item else None, words.ITEM)
    user = _match(table, log.table, log.user.column if log.user else None, words.USER)
    if item and user and item[0] is user[0]:
        item, user = _one_of(table, item, user, things)
    return Side(table, item[0] if item else None, user[0] if user else None)


def _match(table: SeenTable, log: SeenTable, column: Column | None, stems: str) -> tuple[Column, float] | None:
    """The column of a table that holds the same ids as a column of the log, and how surely."""
    if column is None:
        return None
    best: tuple[Column, float] | None = None
    for one in table.columns:
        called = called_alike(column, one, table)
        if one.is_list or one.clock or not len(one.distinct) or not (one.looks_like_ids or called == 1.0):
            continue
        named = max(called, 0.7 * words.said(one.name, stems))
        shared = _shared(table, log, column, one, named)
        if shared < _ENOUGH and called < _CALLED:
            continue
        points = shared + named + 0.3 * one.is_unique
        points -= 0.8 * (len(one.distinct) < 0.05 * len(column.distinct))
        points -= 1.0 * (not named and words.said(one.name, f"{words.USER}|{words.ITEM}") == 1.0)
        if points > 0.5 and (best is None or points > best[1]):
            best = one, points
    return best


def _shared(table: SeenTable, log: SeenTable, column: Column, one: Column, named: float) -> float:
    """The share of the log's ids that a column has, or of the column's ids that the log has, weighed by how much that
    says."""
    ours = min(1.0, overlap(column, one) / max(0.05 if one.is_unique else 0.3, table.coverage))
    theirs = min(1.0, overlap(one, column) / max(0.3, log.coverage))
    if named:
        return max(ours, theirs)
    if one.is_whole and not one.is_unique and are_of_two_things(column.name, one.name):
        return 0.0
    weighed = [ours * evidence(column, one, ours, table.coverage), theirs * evidence(one, column, theirs, log.coverage)]
    return max(weighed) if one.is_unique or not one.is_whole else weighed[0]


Match = tuple[Column, float] | None


def _one_of(
    table: SeenTable, item: tuple[Column, float], user: tuple[Column, float], things: bool
) -> tuple[Match, Match]:
    """Numbers of items and users are often the same; then names and what the table is about decide. things: whether
    some table is about things, so that one that does not say is rather about people."""
    column = item[0]
    kind = about(table, column)
    points = item[1] - user[1]
    points += {"things": 0.5, "people": -0.5, "": -0.4 if things else 0.0}[kind]
    points += 0.5 * words.holds(table.name, words.ITEM) - 0.5 * words.holds(table.name, words.USER)
    return (item, None) if points >= 0 else (None, user)


def propose_sides(log: LikelyLog, sides: Sequence[Side], proposal: Proposal) -> list[SeenTable]:
    """Sections for the tables beside the log; returns those that name values of others."""
    named = _propose_values(log, sides, proposal)
    items = [side for side in sides if side.item and not side.user and side.item.is_unique]
    named += _propose_keyed("items", log, items, sides, proposal)
    users = [side for side in sides if side.user and not side.item and side.user.is_unique]
    _propose_keyed("users", log, users, sides, proposal)
    return named


def tell_sides(log: LikelyLog, sides: Sequence[Side], used: Sequence[SeenTable], proposal: Proposal) -> None:
    """Notes about the tables beside the log that are left out. used: those that name values of others."""
    for side in sides:
        if side.table not in used:
            _tell_other(log, side, proposal)


def _tell_other(log: LikelyLog, side: Side, proposal: Proposal) -> None:
    table = side.table
    if side.item and side.user and not _value_of(side):
        proposal.notes.append(
            f"{_shown(log.table)} is taken for the log; {_shown(table)} has users and items too: if it is the better "
            f"log, change `files` and the columns{_if_one(log.table, table)}"
        )
    elif side.has_pairs:
        proposal.left_out.append(
            f"{table.name} is left out: it has pairs of items, or a graph of them, and not what an item is"
        )
    elif not side.item and not side.user:
        listed = ", ".join(one.name for one in table.columns)
        proposal.left_out.append(f"{table.name} is left out: it looks like neither items, users nor tags ({listed})")
    elif side.user and not side.item and not side.user.is_unique:
        proposal.left_out.append(f"{table.name} is left out: it has several rows for a user; make it one row for each")
    elif side.item and not side.user and not side.item.is_unique and not _value_of(side):
        proposal.left_out.append(f"{table.name} is left out: it has several rows for an item, and no column of tags")


def _if_one(log: SeenTable, table: SeenTable) -> str:
    """What to do where two logs are alike but for the names of a few columns."""
    ours, theirs = (
        [one for one in left.by_name if one not in right.by_name] for left, right in ((log, table), (table, log))
    )
    if not ours or not theirs or len(ours) > len(log.by_name) / 3 or len(theirs) > len(table.by_name) / 3:
        return ""
    return f"; if they are parts of one log, call {', '.join(ours)} and {', '.join(theirs)} alike in both"


def _shown(table: SeenTable) -> str:
    return f"{table.found.path} (about {table.rows:,} rows)"


def _propose_keyed(
    kind: str, log: LikelyLog, keyed: Sequence[Side], sides: Sequence[Side], proposal: Proposal
) -> list[SeenTable]:
    """The table of items or users: of several, the one with the best field. Returns the tables that name its values."""
    of_log = log.item if kind == "items" else log.user
    looked = [(side, _fields_of(kind, side)) for side in keyed]
    looked.sort(key=lambda pair: -_worth(pair[1]) * _reach(kind, pair[0], of_log))
    named: list[SeenTable] = []
    for place, (side, fields) in enumerate(looked):
        name = side.table.name
        if place and _worth(fields) > 0:
            proposal.left_out.append(f"{name} is left out: there is a table of {kind} already; join the two")
        elif _worth(fields) <= 0:
            proposal.left_out.append(f"{name} is left out: it has no field of few values")
        else:
            named += _write_keyed(kind, log, side, fields, sides, proposal)
    return named


def _fields_of(kind: str, side: Side) -> Fields:
    column = side.item if kind == "items" else side.user
    assert column
    return find_fields(side.table, column, kind == "items")


def _reach(kind: str, side: Side, of_log: RoleCandidate | None) -> float:
    """The share of the log's items or users that a table has, at least a tenth."""
    column = side.item if kind == "items" else side.user
    if column is None or of_log is None:
        return 0.1
    return max(0.1, min(1.0, overlap(of_log.column, column) / max(0.02, side.table.coverage)))


def _worth(fields: Fields) -> float:
    best = max((as_label(one) + 3.0 for one in fields.chosen), default=0.0)
    return max(best, 0.1 if fields.chosen else 0.0) + (0.5 if fields.title else 0.0) + 0.01 * len(fields.chosen)


def _write_keyed(
    kind: str, log: LikelyLog, side: Side, fields: Fields, sides: Sequence[Side], proposal: Proposal
) -> list[SeenTable]:
    table, of_items = side.table, kind == "items"
    column, of_log = (side.item, log.item) if of_items else (side.user, log.user)
    assert column
    assert of_log
    mark = _separator_of(table, fields, proposal) if of_items else None
    names = {one.name: names_of(one, table, sides) for one in fields.chosen} if of_items else {}
    whole = [one for one in fields.chosen if names.get(one.name) or (mark and _is_cut_by(mark, one, fields))]
    whole += [fields.title] if fields.title and mark and _is_cut_by(mark, fields.title, fields) else []
    chosen = {proposal.add_field(kind, one.name, as_label(one)): one.name for one in fields.chosen if one not in whole}
    if fields.title and fields.title not in whole:
        proposal.title = proposal.free_name("title")
        chosen[proposal.title] = fields.title.name
    for why, without in fields.left_out.items():
        shown = ", ".join(without[:12]) + (" …" if len(without) > 12 else "")
        proposal.left_out.append(f"{table.name}: {shown} left out, {why}")
    key = "item" if of_items else "user"
    lines: list[tuple[str, object]] = [(key, column.name), ("fields", chosen)]
    if chosen:
        proposal.add_section(f"logs.tables.{kind}", table, [*lines, *([("separator", mark)] if mark else [])])
    for one in whole:
        _write_whole(table, column, one, one is fields.title, names.get(one.name), proposal)
    _tell_keyed(key, table, column, overlap(of_log.column, column), proposal)
    return [one.table for one in names.values() if one]


def _tell_keyed(key: str, table: SeenTable, column: Column, shared: float, proposal: Proposal) -> None:
    of_all = f"about {min(1.0, shared / table.coverage):.0%}" if table.coverage < 0.9 else f"{shared:.0%}"
    proposal.reasons.append(
        f"{table.name} has a row per {key}: {column.name!r} is unique, and has {of_all} of the log's"
    )
    if shared < 0.05 and table.coverage > 0.9:
        proposal.notes.append(
            f"{table.name}: hardly any {key} of the log stands in {column.name!r}; are the ids written alike in both?"
        )


def _separator_of(table: SeenTable, fields: Fields, proposal: Proposal) -> str | None:
    """One mark parts the lists of a table; of several, that of the best tags."""
    marks = {one.name: one.listing.mark for one in fields.chosen if one.listing and one.listing.mark}
    listed = sorted((one for one in fields.chosen if one.name in marks), key=lambda one: -as_label(one))
    if not listed:
        return None
    mark = marks[listed[0].name]
    proposal.notes.append(f"{table.name}: lists are taken to be separated by {mark!r}")
    others = [one.name for one in listed if marks[one.name] != mark]
    if others:
        proposal.notes.append(f"{table.name}: {', '.join(others)} has another separator, and is not parted")
    return mark


def _is_cut_by(mark: str, column: Column, fields: Fields) -> bool:
    """Whether a separator would part texts that are no lists, such as "Misérables, Les"."""
    if column.is_list or column.is_number or (column.listing and column.listing.mark == mark):
        return False
    return (column is fields.title and mark not in "|;") or bool(column.flat.str.contains(mark, literal=True).any())


def _write_whole(
    table: SeenTable, item: Column, one: Column, is_title: bool, names: "NamedCodes | None", proposal: Proposal
) -> None:
    """A section of its own for a column that the separator of the table would cut, or that has names elsewhere."""
    lines: list[tuple[str, object]] = [("item", item.name), ("value", one.name), ("top", 1)]
    lines += names.lines(proposal) if names else []
    if is_title:
        proposal.add_title(table, lines)
    else:
        proposal.add_values(one.name, table, lines, as_label(one))


def _propose_values(log: LikelyLog, sides: Sequence[Side], proposal: Proposal) -> list[SeenTable]:
    """Tables with a row per item and tag, and their tables of names; returns the latter."""
    named: list[SeenTable] = []
    for side in sides:
        value = _value_of(side)
        if value and side.item and not side.has_pairs and (side.user or not side.item.is_unique):
            named += _write_values(log, side, side.item, value, sides, proposal)
    return named


def _write_values(
    log: LikelyLog, side: Side, item: Column, value: Column, sides: Sequence[Side], proposal: Proposal
) -> list[SeenTable]:
    """A section for a table with a row per item and value; returns the table that names its values."""
    table = side.table
    lines: list[tuple[str, object]] = [("item", item.name), ("value", value.name)]
    weight = next((one for one in table.columns if _is_weight(one, side, value)), None)
    lines += [("weight", weight.name)] if weight else []
    kind = _property_of(side, value)
    if kind:
        lines.append(("keep", {kind[0].name: [kind[1]]}))
        proposal.notes.append(
            f"{table.name} has a row per item and property; {kind[1]!r} is taken of them: "
            f"change keep to take another of {kind[0].name!r}"
        )
    if side.user and log.has_clock:
        lines += _when_said(table)
    lines.append(("top", 5))
    names = names_of(value, table, sides)
    lines += names.lines(proposal) if names else []
    proposal.add_values(kind[1] if kind else value.name, table, lines, as_label(value) + 1.0)
    proposal.reasons.append(f"{table.name} has a row per item and value: {item.name!r} and {value.name!r}")
    return [names.table] if names else []


def _when_said(table: SeenTable) -> list[tuple[str, object]]:
    """Keys that say when a person gave an item a tag."""
    column = best_clock(table, ())
    if column is None or column.clock is None:
        return []
    return [("time", column.name), *([("time_format", column.clock.format)] if column.clock.format else [])]


def _value_of(side: Side) -> Column | None:
    """The column of tags in a table that has several rows per item."""
    if side.item is None:
        return None
    able = []
    for one in side.table.columns:
        if one in (side.item, side.user) or one.is_list or one.clock or one.is_flag or one.nulls > 0.5:
            continue
        said = max(words.said(one.name, words.TAG), words.said(one.name, words.LABEL))
        if side.user and said < 1.0:
            continue
        value = 2.0 * said + 1.0 * (words.tokens_of(one.name)[-1:] == ["value"])
        if one.flat_values.dtype.is_float() or (words.holds(one.name, words.MEASURE + "|" + _WEIGHT) and said < 1.0):
            continue
        if why_no_field(one) and said < 1.0 and not _property_of(side, one):
            continue
        able.append((value + (0.0 if one.is_number else 0.5), one))
    return max(able, key=lambda pair: pair[0])[1] if able else None


def _is_weight(column: Column, side: Side, value: Column) -> bool:
    if column in (side.item, side.user, value) or not column.is_number or column.clock:
        return False
    return words.holds(column.name, _WEIGHT)


def _property_of(side: Side, value: Column) -> tuple[Column, str] | None:
    """In a table with a row per item and property: the column of properties, and the one that says most about tags."""
    for one in side.table.columns if len(side.table.columns) <= _NARROW else ():
        if one in (side.item, side.user, value) or one.is_list or one.clock or one.is_flag:
            continue
        if not words.holds(one.name, "property|attribute|key|feature|field|name|attr") or one.repeats < 0.5:
            continue
        if not _has_several(side, one):
            continue
        frame = pl.DataFrame({"property": one.texts, "value": value.texts}).drop_nulls()
        kinds = frame.group_by("property").agg(pl.len(), pl.col("value").n_unique().alias("values")).sort("property")
        named = [row for row in kinds.iter_rows() if words.said(str(row[0]), f"{words.TAG}|{words.LABEL}") > 0]
        spread = [row for row in kinds.iter_rows() if 3 <= row[2] <= 0.5 * row[1]]
        best = max(named or spread, key=lambda row: row[1], default=None)
        if best:
            return one, str(best[0])
    return None


def _has_several(side: Side, kind: Column) -> bool:
    """Whether most items have several properties, each in a row of its own."""
    assert side.item
    pairs = pl.DataFrame({"item": side.item.texts, "kind": kind.texts}).drop_nulls()
    return pairs.height > 0 and pairs.n_unique() > 1.5 * pairs["item"].n_unique()


@dataclass(frozen=True)
class NamedCodes:
    """A table of names: the column of codes, and that of names."""

    table: SeenTable
    code: Column
    name: Column

    def lines(self, proposal: Proposal) -> list[tuple[str, object]]:
        where = dict(self.table.where(proposal.beside))
        return [("names", {**where, "value": self.code.name, "name": self.name.name})]


def names_of(value: Column, table: SeenTable, sides: Sequence[Side]) -> NamedCodes | None:
    """The table that names coded values: its key has them, it has a column of texts beside it, and either the two
    columns or the column and the table are called alike, or they have the very same values."""
    if value.is_list or value.listing or not value.looks_like_ids:
        return None
    for other in sides:
        if other.table is table or other.table.rows < 2 or len(other.table.columns) > 4:
            continue
        for code in other.table.keys:
            texts = [one for one in other.table.columns if one is not code and one.values.dtype == pl.String]
            if (
                texts
                and overlap(value, code) > 0.8 * min(1.0, 1.2 * other.table.coverage)
                and _are_called_alike(value, code, other.table)
            ):
                texts.sort(key=lambda one: not is_called_title(one.name))
                return NamedCodes(other.table, code, texts[0])
    return None


def _are_called_alike(value: Column, code: Column, table: SeenTable) -> bool:
    if value.name == code.name and not words.made_up(value.name):
        return True
    of_table = {token.rstrip("s")[:5] for token in words.tokens_of(table.found.stem)}
    of_value = {token.rstrip("s")[:5] for token in words.tokens_of(value.name) if not re.fullmatch(words.IDS, token)}
    return bool(of_table & of_value) or overlap(code, value) > 0.9
