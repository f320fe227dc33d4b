"""One examination for models of every promise: contestants, asked by one protocol, side by side."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Protocol, TypeVar

from penchant.evaluation.estimates import Estimate


class Answer(Protocol):
    """How one contestant did."""

    def estimates(self) -> Mapping[str, Estimate]:
        """Return an estimate by metric, of the same users, items or resamples for every contestant. A metric that could
        not be measured may be left out."""
        ...


Contender = TypeVar("Contender")
Given = TypeVar("Given", bound=Answer)


@dataclass(frozen=True)
class Examination(Generic[Given]):
    """The answers of all contestants, by name."""

    answers: Mapping[str, Given]

    @cached_property
    def estimates(self) -> dict[str, Mapping[str, Estimate]]:
        """By contestant and metric."""
        return {name: answer.estimates() for name, answer in self.answers.items()}

    def scores(self) -> dict[str, dict[str, dict[str, float]]]:
        """Return by contestant and metric the mean and half its 95 % interval, as JSON holds them."""
        return {name: _as_json(estimates) for name, estimates in self.estimates.items()}

    def minus(self, reference: str) -> dict[str, dict[str, dict[str, float]]]:
        """Return the reference's metrics less those of each other contestant, paired; only metrics that both have, with
        an interval."""
        own = {metric: one for metric, one in self.estimates[reference].items() if one.half is not None}
        return {
            name: _as_json({metric: one.minus(its[metric]) for metric, one in own.items() if metric in its})
            for name, its in self.estimates.items()
            if name != reference
        }


def examine(contestants: Mapping[str, Contender], ask: Callable[[str, Contender], Given]) -> Examination[Given]:
    """Return what `ask` finds about every contestant; it is given the name as well, to report progress."""
    return Examination({name: ask(name, contestant) for name, contestant in contestants.items()})


def _as_json(estimates: Mapping[str, Estimate]) -> dict[str, dict[str, float]]:
    return {metric: one.as_json() for metric, one in estimates.items()}
