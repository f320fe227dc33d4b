"""Charts of the last quarter of an hour of a process."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from math import isnan

from penchant.dashboard.shell.charts import Axis, Chart, Series, Value
from penchant.dashboard.shell.readings import GROUPS, PERIOD_S, Reading
from penchant.dashboard.system.rates import begin_of, percentile
from penchant.serving.measures import FATES

STEPS_S = (PERIOD_S, 2 * PERIOD_S, 3 * PERIOD_S, 5 * PERIOD_S)
MOST_POINTS = 90

LATENCIES = ("scores", "profiles")
SHOWN = {"median": 0.5, "99 %": 0.99}

TIME = Axis("time", "time")
MB = 1e6

Count = Callable[[Reading], float]


def charts(readings: Sequence[Reading], *, live: bool) -> list[Chart]:
    """Draw readings, the oldest first; nothing where there are fewer than two. live: whether events come in."""
    if len(readings) < 2:
        return []
    chosen = thinned(readings)
    drawn = [_events(chosen), _lag(chosen)] if live else []
    return [*drawn, _requests(chosen), _latency(readings, chosen), _memory(chosen), _processor(chosen)]


def thinned(readings: Sequence[Reading]) -> list[Reading]:
    """Return the first reading and the last one of each stretch of time. Stretches are just long enough for at most
    about MOST_POINTS."""
    length_s = readings[-1].moment - readings[0].moment
    step_s = next((one for one in STEPS_S if length_s <= one * MOST_POINTS), STEPS_S[-1])
    ends = [one for one, after in pairwise(readings) if one.moment // step_s != after.moment // step_s]
    return [readings[0], *(one for one in ends if one is not readings[0]), readings[-1]]


def _events(chosen: Sequence[Reading]) -> Chart:
    lines = [_rate(fate, chosen, partial(_came, place)) for place, fate in enumerate(FATES)]
    return Chart("system-events", "line", "Events that come in", TIME, Axis("events a second", from_zero=True), lines)


def _came(place: int, one: Reading) -> float:
    return one.events[place]


def _lag(chosen: Sequence[Reading]) -> Chart:
    line = _level("events", chosen, lambda one: one.waiting)
    return Chart("system-lag", "line", "Events that wait for consumers", TIME, Axis("events", from_zero=True), [line])


def _requests(chosen: Sequence[Reading]) -> Chart:
    own = slice(None, GROUPS.index("dashboard"))
    lines = [
        _rate("all", chosen, lambda one: int(one.times_GT[own].sum())),
        _rate("refused (4xx)", chosen, lambda one: int(one.refused_G[own].sum())),
        _rate("failed (5xx)", chosen, lambda one: int(one.failed_G[own].sum())),
    ]
    return Chart(
        "system-requests", "line", "Requests of the API", TIME, Axis("requests a second", from_zero=True), lines
    )


def _latency(readings: Sequence[Reading], chosen: Sequence[Reading]) -> Chart:
    """Draw percentiles over the minute before each reading, because shorter stretches have too few requests."""
    lines = {(group, name): list[tuple[Value, Value]]() for group in LATENCIES for name in SHOWN}
    for at, after in _placed(chosen)[1:]:
        times_GT = after.times_GT - begin_of(readings, after.moment).times_GT
        for (group, name), points in lines.items():
            found = percentile(times_GT[GROUPS.index(group)], SHOWN[name])
            points.append((at, _short(1_000 * found.seconds) if found else None))
    series = [Series(f"{group}, {name}", points) for (group, name), points in lines.items()]
    title = "How long answers take, over the minute before"
    return Chart("system-latency", "line", title, TIME, Axis("milliseconds", "log"), series)


def _memory(chosen: Sequence[Reading]) -> Chart:
    lines = [
        _level("resident", chosen, lambda one: one.usage.resident / MB),
        _level("of which pages of files", chosen, lambda one: one.usage.mapped / MB),
    ]
    return Chart("system-memory", "line", "Memory of this process", TIME, Axis("MB", from_zero=True), lines)


def _processor(chosen: Sequence[Reading]) -> Chart:
    line = _rate("busy cores", chosen, lambda one: one.usage.cpu_s)
    return Chart(
        "system-processor", "line", "Processor time of this process", TIME, Axis("cores", from_zero=True), [line]
    )


def _rate(name: str, chosen: Sequence[Reading], count: Count) -> Series:
    """Return how much was counted a second, between each reading and the one before."""
    placed = _placed(chosen)
    steps = pairwise(placed)
    return Series(
        name,
        [
            (at, _short((count(after) - count(before)) / (after.moment - before.moment)))
            for (_, before), (at, after) in steps
        ],
    )


def _level(name: str, chosen: Sequence[Reading], level: Count) -> Series:
    """Return a level at each reading."""
    return Series(name, [(at, _short(level(one))) for at, one in _placed(chosen)])


def _placed(chosen: Sequence[Reading]) -> list[tuple[float, Reading]]:
    """Return readings with their times, UTC seconds by the clock as it is now: somebody may have set it meanwhile."""
    last = chosen[-1]
    return [(round(last.at - (last.moment - one.moment), 1), one) for one in chosen]


def _short(value: float) -> float | None:
    """Round to four digits, which is more than one can see; None, a gap in the line, where the value is not known."""
    return None if isnan(value) else float(f"{value:.4g}")
