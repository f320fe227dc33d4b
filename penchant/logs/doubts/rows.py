"""Doubts about rows that do not enter the log, and about what is a click."""

from collections.abc import Iterator

from penchant.logs.doubts.bounds import BOUNDS
from penchant.logs.doubts.doubt import Doubt, Looked
from penchant.logs.ingest import REPEATED


def lost_rows(at: Looked) -> Iterator[Doubt]:
    """Rows that repeat others, make no sense, or are left out by a rule."""
    found, rows = at.found, at.rows_per["rows"]
    repeats = found["rejected"].get(REPEATED, 0)
    if BOUNDS["repeats"].tells(repeats / rows):
        yield Doubt(
            "repeats",
            f"{repeats / rows:.1%} of the rows repeat the user, the item and the time of an earlier row, and were set "
            f"aside.",
            repeats / rows,
            _where(at, [REPEATED]),
            f"Check that a row of the log is one item shown to one user, and that {found['columns']['time']!r} is as "
            f"fine as your log has it. If each row is one tag or one view of the same click, this is as it should be.",
            BOUNDS["repeats"].is_serious(repeats / rows),
        )
    yield from _twice(at)
    senseless = {reason: count for reason, count in found["rejected"].items() if reason != REPEATED}
    share = sum(senseless.values()) / rows
    if BOUNDS["set aside"].tells(share):
        yield Doubt(
            "set aside",
            f"{share:.1%} of the rows make no sense and were set aside: {_counted(senseless)}.",
            share,
            _where(at, list(senseless)),
            "Look at these rows in your table, and mend them or the columns that the run file names.",
            BOUNDS["set aside"].is_serious(share),
        )
    share = sum(found["left_out"].values()) / rows
    if BOUNDS["left out"].tells(share):
        yield Doubt(
            "left out",
            f"{share:.1%} of the rows are left out by rules of the run file: {_counted(found['left_out'])}.",
            share,
            _where(at, list(found["left_out"])),
            "Look at these rules in the run file, under [logs.tables.events]. What is learned will hold for the other "
            "rows only.",
            BOUNDS["left out"].is_serious(share),
        )


def _twice(at: Looked) -> Iterator[Doubt]:
    share = at.found["again"] / at.rows_per["events"]
    if BOUNDS["twice"].tells(share):
        yield Doubt(
            "twice",
            f"{share:.1%} of the events are on an item that the same user had at most two seconds before.",
            share,
            (),
            "Check whether each click is logged twice, for instance in the browser and on the server. If so, keep the "
            "rows of one of them, with `keep` under [logs.tables.events].",
            BOUNDS["twice"].is_serious(share),
        )


def clicks(at: Looked) -> Iterator[Doubt]:
    """A column of clicks that says the same of nearly everything."""
    found, column = at.found, at.found["columns"]["clicked"]
    share = found["clicked"] / at.rows_per["events"]
    if column is not None and BOUNDS["all clicked"].tells(share):
        yield Doubt(
            "all clicked",
            f"By {column!r}, {share:.1%} of the events are clicks.",
            share,
            (),
            f"Check that {column!r} says whether an item was clicked, not that it was shown. If your log holds clicks "
            f"only, this is as it should be: leave `clicked` out of the run file.",
            BOUNDS["all clicked"].is_serious(share),
        )
    if BOUNDS["few clicked"].tells(share):
        yield Doubt(
            "few clicked",
            f"By {column!r}, {found['clicked']:,} of {found['events']:,} events are clicks.",
            share,
            (),
            f"Check that {column!r} is the column that says whether an item was clicked, and its thresholds.",
            BOUNDS["few clicked"].is_serious(share),
        )


def _counted(reasons: dict[str, int]) -> str:
    most = sorted(reasons.items(), key=lambda pair: -pair[1])
    return "; ".join(f"{count:,} × {reason}" for reason, count in most[:3])


def _where(at: Looked, reasons: list[str]) -> tuple[str, ...]:
    return tuple(at.found["examples"][reason] for reason in reasons[:3] if reason in at.found["examples"])
