"""Doubts about the values of the items: one that nearly all have, several in one text, and such as say nothing."""

import json
from collections.abc import Iterator

from penchant.logs.counting.fields import BRACKETS, SPACE
from penchant.logs.doubts.bounds import BOUNDS, CUTS_TO, SOME_ITEMS, SURELY_CUTS_TO
from penchant.logs.doubts.doubt import Doubt, Looked
from penchant.logs.found import FieldFound, JoinedText

ONE_TEXT = 1.01
"""Values per item, at most, where words with spaces between may be values of their own: in a list they are phrases."""


def one_value(at: Looked) -> Iterator[Doubt]:
    """A field of which nearly all items have the same value."""
    for field, said in at.found["fields"].items():
        if not said["items_with"]:
            continue
        value, count = said["commonest"][0]
        common, only = count / said["items_with"], 1 - said["beside"] / said["items_with"]
        kind, share = ("one value", only) if BOUNDS["one value"].tells(only) else ("common value", common)
        if not BOUNDS[kind].tells(share):
            continue
        rest = f"{only:.1%} have no rarer value" if only else "all of these have other values too"
        yield Doubt(
            kind,
            f"{common:.1%} of the items that have any {field} have the value {value!r}; {rest}.",
            share,
            tuple(f"{name!r} on {items:,} of {said['items_with']:,} items" for name, items in said["commonest"]),
            f"Map a column with more different values as {field}, or leave this value out: "
            f"most_items = {{ {field} = 0.9 }} under [logs.tables.items].",
            field in at.purpose.predicted and BOUNDS[kind].is_serious(share),
        )


def one_text(at: Looked) -> Iterator[Doubt]:
    """A field whose values are several in one text."""
    for field, said in at.found["fields"].items():
        joined = said["joined"]
        if joined is None or (share := _joined_share(at, said)) is None:
            continue
        shared = _shared_parts(joined)
        brackets = joined["separator"] == BRACKETS
        how = "are a list in brackets" if brackets else f"hold {joined['separator']!r}"
        separator = joined["separator"].strip(" ") or joined["separator"]
        advice = f"write separator = {json.dumps(separator, ensure_ascii=False)} under [logs.tables.items]"
        yield Doubt(
            "one text",
            f"{share:.1%} of the values of {field} {how}, so each looks like several values in one text: "
            f"{joined['values']:,} different texts have {joined['pieces']:,} parts, of which {joined['parts']:,} are "
            f"different.",
            share,
            (repr(joined["example"]),),
            f"Give {field} as a list column, or as a table with a row per item and value."
            if brackets
            else f"If these are several values, {advice}.",
            field in at.purpose.predicted and shared <= SURELY_CUTS_TO and BOUNDS["one text"].is_serious(share),
        )


def _shared_parts(joined: JoinedText) -> float:
    """How many of the parts are different, as a share."""
    return 0.0 if joined["separator"] == BRACKETS else joined["parts"] / joined["pieces"]


def _joined_share(at: Looked, said: FieldFound) -> float | None:
    """The share of values that look like several; None where that is not worth a word."""
    joined = said["joined"]
    if joined is None or _shared_parts(joined) > CUTS_TO:
        return None
    per_item = said["per_item"] * at.found["items_in_table"] / max(1, said["items_with"])
    if joined["separator"] == SPACE and per_item > ONE_TEXT:
        return None
    share = joined["texts"] / max(1.0, said["per_item"] * at.found["items_in_table"])
    return share if BOUNDS["one text"].tells(share) else None


def alone(at: Looked) -> Iterator[Doubt]:
    """A predicted field whose values belong to one item each. Where they look like several in one text, `one_text` says
    what to do."""
    for field in at.purpose.predicted:
        said = at.found["fields"].get(field)
        if said is None or said["items_with"] < SOME_ITEMS or _joined_share(at, said) is not None:
            continue
        share = 1 - said["shared"] / said["items_with"]
        if BOUNDS["alone"].tells(share):
            yield Doubt(
                "alone",
                f"{share:.1%} of the items have no {field} that another item has too: {said['values']:,} different "
                f"values stand on {said['items_with']:,} items. Each value belongs to one item, so nothing learned of "
                f"it says anything of another item.",
                share,
                tuple(repr(value) for value, _ in said["commonest"]),
                f"Map a column that several items share as {field}, such as a category, a maker or a kind, not an id "
                f"or a title.",
                BOUNDS["alone"].is_serious(share),
            )


def no_value(at: Looked) -> Iterator[Doubt]:
    """Values that are words for none."""
    for field, said in at.found["fields"].items():
        share = sum(said["absent"].values()) / max(1, said["items_with"])
        if BOUNDS["no value"].tells(share):
            words = ", ".join(json.dumps(word, ensure_ascii=False) for word in said["absent"])
            yield Doubt(
                "no value",
                f"{share:.1%} of the items that have any {field} have a value that says nothing of them.",
                share,
                tuple(f"{word!r} on {count:,} items" for word, count in said["absent"].items()),
                f"If it does, add it to `none` under [logs.tables.items]: {words}. These items then count as without "
                f"this value.",
                BOUNDS["no value"].is_serious(share),
            )


def written_twice(at: Looked) -> Iterator[Doubt]:
    """Values that differ only in capital letters or spaces."""
    for field, said in at.found["fields"].items():
        alike = said["alike"]
        if alike is None or not BOUNDS["alike"].tells(share := alike["texts"] / alike["all_texts"]):
            continue
        spaces = "" if alike["case"] == alike["values"] else "; take spaces away there too, with replace(…, ' ', '')"
        one, other = alike["example"]
        yield Doubt(
            "alike",
            f"{alike['values']:,} of {said['values']:,} values of {field} differ from a commoner one only in capital "
            f"letters or spaces; they are {share:.1%} of the values of all items.",
            share,
            (f"{one!r} beside {other!r}",),
            "If they mean the same, write them alike: lowercase = true under [[logs.tables.item_values]], and in other "
            f"tables lower(…) in a `query` in place of `files`{spaces}.",
            BOUNDS["alike"].is_serious(share),
        )
