"""All doubts about a log: the serious ones first."""

from collections.abc import Callable, Iterator

from penchant.logs.doubts.doubt import Doubt, Looked, Purpose
from penchant.logs.doubts.people import absent, busiest, few_busy, few_users, rounded
from penchant.logs.doubts.rows import clicks, lost_rows
from penchant.logs.doubts.tables import known, written_otherwise
from penchant.logs.doubts.times import clock, stretches, windows
from penchant.logs.doubts.values import alone, no_value, one_text, one_value, written_twice
from penchant.logs.ingest import Log

ASKED: tuple[Callable[[Looked], Iterator[Doubt]], ...] = (
    written_otherwise,
    known,
    few_users,
    busiest,
    few_busy,
    absent,
    rounded,
    one_value,
    one_text,
    alone,
    no_value,
    written_twice,
    clock,
    windows,
    stretches,
    lost_rows,
    clicks,
)


def doubts(log: Log, purpose: Purpose, now: float) -> list[Doubt]:
    """What is doubtful in a log, the serious doubts first. now: UTC seconds."""
    looked = Looked(log, log.found, purpose, now)
    told = [doubt for ask in ASKED for doubt in ask(looked)]
    return sorted(told, key=lambda doubt: not doubt.serious)
