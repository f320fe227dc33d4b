"""The open candidates as a table: those that match a text, in the order of a column, one page at a time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from penchant.serving.candidates.openings import CandidateState

PER_PAGE = 50

FIRST_MOMENT = 1e8
"""UTC seconds, in 1973. A smaller value is a position in a log without a clock."""

Key = Callable[[CandidateState], float | str | None]

COLUMNS: Mapping[str, Key] = {
    "name": lambda one: one.name.casefold(),
    "seeds": lambda one: one.seeds,
    "clusters": lambda one: len(one.sizes) if one.seeds is not None and one.sizes is not None else None,
    "fresh": lambda one: one.fresh,
    "clustered": lambda one: one.clustered,
    "opened": lambda one: one.opened,
}


@dataclass(frozen=True)
class Order:
    """The order of the table. column: one of COLUMNS; falling: whether the greatest comes first."""

    column: str = "seeds"
    falling: bool = True

    @classmethod
    def of(cls, said: str) -> "Order":
        """Read an order from a query; an unknown one stands for the most seeds first.

        >>> Order.of("-opened"), Order.of("?")
        (Order(column='opened', falling=True), Order(column='seeds', falling=True))
        """
        column = said.removeprefix("-")
        return cls(column, said.startswith("-")) if column in COLUMNS else cls()

    def __str__(self) -> str:
        return f"{'-' if self.falling else ''}{self.column}"

    def next_by(self, column: str) -> "Order":
        """Return the order that a click on the head of a column asks for. The first click sorts names upwards and
        numbers downwards, the second one turns that round."""
        return Order(column, not self.falling if column == self.column else column != "name")


@dataclass(frozen=True)
class CandidatePage:
    """One page of the table. rows: its candidates; open: how many are open; found: how many match; page, pages: counted
    from 1."""

    rows: list[CandidateState]
    open: int
    found: int
    page: int
    pages: int


def listed(
    states: Sequence[CandidateState], *, query: str = "", order: Order | None = None, page: int = 1
) -> CandidatePage:
    """Return one page of the candidates that match a query. query: a part of the name or id, in capitals or not; page:
    brought into bounds. Candidates without a value in the column come last; candidates with equal values come by item.
    """
    found = [one for one in states if _holds(one, query.strip().casefold())]
    ordered = _ordered(found, order or Order())
    pages = max(1, -(-len(found) // PER_PAGE))
    page = min(max(page, 1), pages)
    return CandidatePage(ordered[(page - 1) * PER_PAGE : page * PER_PAGE], len(states), len(found), page, pages)


def _holds(one: CandidateState, part: str) -> bool:
    return part in one.name.casefold() or part in one.item.casefold()


def _ordered(states: Sequence[CandidateState], order: Order) -> list[CandidateState]:
    key = COLUMNS[order.column]
    pairs = [(key(one), one) for one in sorted(states, key=lambda one: one.item)]
    known = sorted(((value, one) for value, one in pairs if value is not None), key=_first, reverse=order.falling)
    return [one for _, one in known] + [one for value, one in pairs if value is None]


def _first(pair: tuple[float | str, CandidateState]) -> float | str:
    return pair[0]


def moment(time: float | None, *, clocked: bool) -> float | None:
    """Return the time of a candidate; None where it is a position, as in a log without a clock.

    >>> moment(17.0, clocked=False), moment(1.7e9, clocked=False), moment(17.0, clocked=True)
    (None, 1700000000.0, 17.0)
    """
    return time if time is not None and (clocked or time >= FIRST_MOMENT) else None
