"""What counts as a click: a flag, a rating with thresholds, a list of the clicked items, or what was done."""

import re
from dataclasses import dataclass, field
from itertools import pairwise

import polars as pl

from penchant.logs.proposing import words
from penchant.logs.proposing.columns.answers import yes_and_no
from penchant.logs.proposing.columns.profile import Column
from penchant.logs.proposing.columns.shares import bounds, share
from penchant.logs.proposing.proposal import key
from penchant.logs.proposing.roles import LikelyLog
from penchant.logs.proposing.seen import overlap
from penchant.logs.proposing.words import tokens_of

MOST_ACTIONS = 60
_SCALES = (5, 10, 100)


@dataclass
class ClickRule:
    """Lines of the events' section, what a person should know, and the columns that are used."""

    lines: list[tuple[str, object]] = field(default_factory=list)
    why: str = ""
    notes: list[str] = field(default_factory=list)


def find_clicks(log: LikelyLog) -> ClickRule:
    """What says which rows of a log are clicks."""
    assert log.item
    used = {
        *(one.column.name for one in (log.user, log.item) if one),
        *([log.time] if isinstance(log.time, str) else log.time or []),
    }
    others = [one for one in log.table.columns if one.name not in used and one.nulls < 0.9]
    return (
        _clicked_lists(log, others)
        or _flag(log, others, named=True)
        or _action(log, others, named=True)
        or _rating(log, others, named=True)
        or _action(log, others, named=False)
        or _flag(log, others, named=False)
        or _rating(log, others, named=False)
        or _nothing(log)
    )


def _nothing(log: LikelyLog) -> ClickRule:
    told = f"{log.table.name}: no column says what was clicked, so every row counts as a click; if one does, add: "
    told += 'clicked = "…"'
    return ClickRule(notes=[told])


def _clicked_lists(log: LikelyLog, others: list[Column]) -> ClickRule | None:
    """A list of the clicked items beside the list of the shown ones."""
    assert log.item
    item = log.item.column
    if not item.is_list:
        return None
    for one in others:
        if one.is_list and one.is_flag and _is_beside(one, item) and _says_clicked(one):
            return ClickRule([("clicked", one.name)], f"{one.name} has a flag for each of {item.name}")
        if one.is_list and "." not in one.name:
            if words.holds(one.name, words.CLICKED) and overlap(one, item) > 0.5:
                return ClickRule([("clicked", one.name)], f"{one.name} lists those of {item.name} that were clicked")
            if one.is_flag and words.holds(one.name, words.CLICKED):
                return ClickRule([("clicked", one.name)], f"{one.name} has a flag for each of {item.name}")
    return None


def _flag(log: LikelyLog, others: list[Column], named: bool) -> ClickRule | None:
    flags = [one for one in others if one.is_flag and not one.is_list and len(one.distinct) > 1]
    flags = [one for one in flags if not _is_attribute(log, one)]
    if named:
        flags = [one for one in flags if _says_clicked(one)]
        flags.sort(key=lambda one: (-words.said(one.name, "click|clicked|clk|klick"), -_share(one)))
    else:
        flags = [one for one in flags if not words.holds(one.name, words.NO_CLICK)] if len(flags) == 1 else []
    if not flags:
        return None
    best = flags[0]
    answers = yes_and_no(best.distinct.sort(descending=True).to_list())
    lines: list[tuple[str, object]] = [("action", best.name), ("actions", answers)] if answers else []
    clicks = ClickRule(lines or [("clicked", best.name)], f"{best.name} says yes or no")
    if answers:
        told = " and ".join(f"{value} for {'yes' if yes else 'no'}" for value, yes in answers.items())
        clicks.notes.append(f"{best.name} has {told}; mend `actions` if that is wrong")
    if not named:
        clicks.notes.append(
            f"{best.name} is taken for what says whether a row was a click, because it alone says yes or no; "
            "if it does not, remove the line"
        )
    others_said = [one.name for one in flags[1:]]
    if others_said:
        clicks.notes.append(f"clicked = {best.name!r}; these say yes or no too: {', '.join(others_said[:8])}")
    return clicks


def _says_clicked(column: Column) -> bool:
    if re.search(rf"(^| )(not|no|un) ?({words.NOT_DONE})$", " ".join(tokens_of(column.name))):
        return True
    return words.holds(column.name, words.CLICKED) and not words.holds(column.name, words.NO_CLICK)


def _share(column: Column) -> float:
    return share(column.flat.str.to_lowercase().is_in(["1", "true", "yes", "t", "y", "1.0"]))


def _is_attribute(log: LikelyLog, column: Column) -> bool:
    """Whether it follows from the user or the item, and so says nothing about the event."""
    sides = [one.column for one in (log.user, log.item) if one]
    return any(log.table.determines(side, column) for side in sides)


def _rating(log: LikelyLog, others: list[Column], named: bool) -> ClickRule | None:
    able = [one for one in others if not one.is_list and one.is_number and not one.is_flag and not one.clock]
    if named:
        able = [one for one in able if words.holds(one.name, words.RATING) and not words.holds(one.name, words.MEASURE)]
        able += [one for one in others if one.is_flag and one.is_number and words.said(one.name, words.RATING) == 1.0]
    else:
        able = (
            [one for one in able if _is_scale(one) and not _is_attribute(log, one)]
            if len(log.table.columns) <= 5
            else []
        )
    for one in able:
        found = _thresholds(one)
        if found:
            return found
    return None


def _is_scale(column: Column) -> bool:
    """Whether numbers are marks on a scale, by themselves: from 1 (or a half) to 5 or 10, with all marks in use."""
    values = sorted(set(column.numbers.to_list()))
    if not values or values[-1] not in (5.0, 10.0) or values[0] not in (0.5, 1.0):
        return False
    steps = [after - before for before, after in pairwise(values)]
    return len(values) >= 5 and set(steps) <= {0.5, 1.0}


def _thresholds(column: Column) -> ClickRule | None:
    """From which rating on a row is a click, and to which it is not: 70 and 40 of a hundred of the scale."""
    values = column.numbers
    if values.is_empty():
        return None
    highest = bounds(values)[1]
    scale = next((one for one in _SCALES if highest <= one), None)
    if scale is None or column.distinct.len() > 101:
        return None
    whole = column.is_whole
    high, low = 0.7 * scale, 0.4 * scale
    if whole:
        high = float(int(high) + (high > int(high)))
    none = [value for value in (-1.0, 0.0) if share(values == value) > (0.0 if value < 0 else 0.05)]
    none = none if whole and bounds(values.filter(values > 0))[0] == 1.0 else [one for one in none if one < 0]
    clicks = ClickRule(why=f"{column.name} is a rating up to {scale}")
    clicks.lines = [("clicked", column.name), ("clicked_at_least", high), ("not_clicked_at_most", low)]
    clicks.notes.append(
        f"{column.name} looks like a rating: from {high} up is a click, to {low} is not; set them yourself"
    )
    if none:
        written = [_as_written(column, one) for one in none]
        clicks.lines.append(("drop", {column.name: written}))
        clicks.notes.append(f"{column.name} = {', '.join(written)} is taken for “not rated”; those rows are left out")
    return clicks


def _as_written(column: Column, value: float) -> str:
    plain = column.values
    if plain.dtype.is_float():
        return str(value)
    return str(int(value))


def _action(log: LikelyLog, others: list[Column], named: bool) -> ClickRule | None:
    able = [one for one in others if _may_be_action(one, log)]
    if named:
        able = [one for one in able if words.said(one.name, words.ACTION) >= 0.25 or _known_values(one) >= 0.5]
    else:
        able = [one for one in able if _known_values(one) > 0.0]
    able = [one for one in able if not _is_attribute(log, one)]
    able.sort(key=lambda one: -(_known_values(one) + 0.5 * words.said(one.name, words.ACTION)))
    for one in able:
        actions = _judged(log, one)
        if any(actions.values()) and len(one.distinct) > 1:
            return _told(one, actions)
    return _unknown_action(log, able) if named else None


def _may_be_action(column: Column, log: LikelyLog) -> bool:
    """Few words; of lists, those that stand beside the items and say what people do."""
    assert log.item
    if column.is_list and not (_is_beside(column, log.item.column) and _known_values(column)):
        return False
    if column.is_number or column.is_flag or column.clock:
        return False
    return 1 < len(column.distinct) <= MOST_ACTIONS and column.repeats > 0.5 and column.length < 40


def _is_beside(column: Column, item: Column) -> bool:
    """Whether a list has a value for each item: it stands in the same records, or in those around them."""
    above = column.name.rpartition(".")[0]
    if not above or not item.is_list or not item.name.startswith(f"{above}."):
        return False
    return bool((column.values.list.len().fill_null(0) == item.values.list.len().fill_null(0)).all())


def _known_values(column: Column) -> float:
    """The share of rows that say something that people do to things."""
    counts = column.flat.alias("value").value_counts()
    known = [value for value in counts.to_series() if _verdict(str(value)) is not None]
    return share(column.flat.is_in(known))


def _verdict(value: str) -> str | None:
    """What a value says was done: "done", "viewed", "shown", "undone", or None.

    >>> [_verdict(value) for value in ("Product Viewed", "add_to_cart", "view_item_list", "pv", "page_ping")]
    ['viewed', 'done', 'shown', 'viewed', None]
    >>> [_verdict(value) for value in ("remove_from_cart", "addtocart", "scroll", "Order Completed")]
    ['undone', 'done', None, 'done']
    """
    said = _words_of(value)
    if any(word in words.NOT_DONE.split("|") for word in said):
        return "undone"
    if any(word in ("ping", "start", "end", "login", "signup", "search", "scroll", "error", "first") for word in said):
        return None
    if any(word in words.SHOWN.split("|") for word in said):
        return "shown"
    if any(word in words.DONE.split("|") for word in said):
        return "done"
    return "viewed" if any(word in words.VIEWED.split("|") for word in said) else None


def _words_of(value: str) -> set[str]:
    """The words of a value, of many also the form for one: clicks, click."""
    said = tokens_of(value)
    return {*said, *(word.removesuffix("s") for word in said)}


def _judged(log: LikelyLog, column: Column) -> dict[str, bool]:
    """Of each value that says something, whether it is a click. Values whose rows have no item are left out; a view is
    a click, unless rows of the log say clicks too: then it only says that the item was seen."""
    assert log.item
    item = log.item.column
    if column.is_list:
        filled = column.texts.is_not_null()
    else:
        filled = item.values.list.len() > 0 if item.is_list else item.texts.is_not_null()
    frame = pl.DataFrame({"value": column.texts, "item": filled.fill_null(False)}).drop_nulls("value")
    counts = frame.group_by("value").agg(pl.len(), pl.col("item").mean()).sort("len", "value", descending=[True, False])
    verdicts = {str(value): _verdict(str(value)) for value, _, item in counts.iter_rows() if item > 0.5}
    clicked = any(
        verdict == "done" and _words_of(value) & set(words.CLICK.split("|")) for value, verdict in verdicts.items()
    )
    judged = {}
    for value, verdict in verdicts.items():
        if verdict == "done" or (verdict == "viewed" and not clicked):
            judged[value] = True
        elif verdict in ("viewed", "shown"):
            judged[value] = False
    return judged


def _told(column: Column, actions: dict[str, bool]) -> ClickRule:
    clicks = ClickRule([("action", column.name), ("actions", actions)], f"{column.name} says what was done")
    others = [str(value) for value in column.distinct.sort() if value not in actions]
    if others:
        shown = ", ".join(others[:6]) + (" …" if len(others) > 6 else "")
        clicks.notes.append(f"{column.name}: rows with other values are left out: {shown}")
    views = [value for value, click in actions.items() if click and _verdict(value) == "viewed"]
    if views:
        clicks.notes.append(
            f"{column.name}: {', '.join(views)} counts as a click; write false if it says only that an item was shown"
        )
    return clicks


def _unknown_action(log: LikelyLog, able: list[Column]) -> ClickRule | None:
    """A column that says what was done in words that are not known: what to write is told."""
    named = [one for one in able if words.said(one.name, words.ACTION) >= 0.25]
    if not named:
        return None
    values = [str(value) for value in named[0].flat.alias("value").value_counts(sort=True).to_series()[:6]]
    pairs = ", ".join(f"{key(value)} = true" for value in values)
    clicks = _nothing(log)
    clicks.notes.append(
        f"{named[0].name} may say what was done, in words that are not known; if so, add, with false for what was only "
        f'shown: action = "{named[0].name}" and actions = {{ {pairs} }}'
    )
    return clicks
