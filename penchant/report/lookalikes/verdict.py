"""What look-alike numbers mean for somebody who has to decide, in sentences."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from penchant.evaluation.choice import collapse_in_words
from penchant.report.lookalikes.facts import RALM
from penchant.report.lookalikes.groups import Alike
from penchant.report.lookalikes.words import title
from penchant.report.numbers import Difference, LookalikeGroup, Measured, Study
from penchant.report.published import RALM_ORDER
from penchant.report.words import nice, signed

_SIGNS = {1: "clearly better than", 0: "not to be told apart from", -1: "clearly worse than"}


def verdict(
    runs: Alike, group: LookalikeGroup, metric: str, *, bounds: Mapping[str, int], clusters: Sequence[Study]
) -> Iterator[str]:
    """Who makes audiences, how the reference does against each competitor, over all candidates and in the tail, and for
    RALM whether the paper is borne out.

    runs, group: the reference, as runs and as numbers; clusters: the studies of the number of clusters.
    """
    yield from _chosen(runs)
    shares = {name: its["collapsed"].mean for name, its in _scores(group).items() if "collapsed" in its}
    if collapsed := collapse_in_words(shares):
        yield collapsed
    yield _place(group, metric)
    yield from _against(group, metric, f"Paired, {title(group.reference)} is")
    if group.reference == RALM:
        yield from _order(runs, group, metric)
    if f"{metric}.tail" in _scores(group)[group.reference]:
        few = f", fewer than {bounds['middle']} seeds," if bounds else ""
        own = _scores(group)[group.reference][f"{metric}.tail"]
        start = f"For candidates of the tail{few} {title(group.reference)} has {_said(own)} {nice(metric)}: it is"
        yield from _against(group, f"{metric}.tail", start)
    if metric in group.merge_minus:
        yield _merge(group.merge_minus[metric], metric)
    yield from (_clusters(study) for study in clusters if study.points[0].scores)
    if len(runs.runs) == 1:
        yield "With a single seed, intervals are over users or candidates only; another seed may move them further."


def _chosen(runs: Alike) -> Iterator[str]:
    """Who makes audiences, and what is live; nothing of runs that were measured before that was chosen."""
    chosen = [run.metrics.chosen for run in runs.runs if run.metrics.chosen]
    if len(chosen) == 1:
        yield chosen[0].made
        yield chosen[0].served
    elif chosen:
        made, live = _counted([one.name for one in chosen]), [one.live for one in chosen if one.live]
        served = f"live by {_counted(live)}" if live else "none is live, because only RALM and its average can be"
        yield f"Audiences are made by {made}, as each run's own validation candidates decide; {served}."


def _counted(names: Sequence[str]) -> str:
    """The most frequent first, with in how many runs; just the name where it is the same in all."""
    counts = Counter(names).most_common()
    if len(counts) == 1:
        return title(names[0])
    return ", ".join(f"{title(name)} in {count} of {len(names)} runs" for name, count in counts)


def _scores(group: LookalikeGroup) -> dict[str, dict[str, Measured]]:
    return {one.name: one.scores for one in group.scorers}


def _place(group: LookalikeGroup, metric: str) -> str:
    means = {name: scores[metric].mean for name, scores in _scores(group).items() if metric in scores}
    best, above = (
        max(means, key=lambda name: means[name]),
        sum(mean > means[group.reference] for mean in means.values()),
    )
    start = f"At {nice(metric)}, {group.name} has {_said(_scores(group)[group.reference][metric])}"
    if len(means) == 1:
        return f"{start}."
    if not above:
        return f"{start}, the best of {len(means)} ways to find an audience."
    difference = next(one.own_minus.get(metric) for one in group.scorers if one.name == best)
    close = difference is not None and difference.sign == 0
    words = "not clearly behind the best," if close else "the best is"
    return f"{start}, place {above + 1} of {len(means)}; {words} {title(best)}, with {means[best]:.3f}."


def _against(group: LookalikeGroup, metric: str, start: str) -> Iterator[str]:
    """One sentence: whom the reference beats, whom it equals, who beats it; none where nothing was paired."""
    minus = {one.name: one.own_minus[metric] for one in group.scorers if metric in one.own_minus}
    parts = []
    for sign, words in _SIGNS.items():
        those = {name: difference for name, difference in minus.items() if difference.sign == sign}
        if those:
            parts.append(f"{words} {_each(those)}")
    if parts:
        yield f"{start} {'; '.join(parts)}."


def _each(differences: Mapping[str, Difference]) -> str:
    ordered = sorted(differences, key=lambda name: -differences[name].mean)
    return ", ".join(f"{title(name)} ({signed(differences[name])})" for name in ordered)


def _order(runs: Alike, group: LookalikeGroup, metric: str) -> Iterator[str]:
    """Whether the paper's order is found, by means alone."""
    there = [name for name in RALM_ORDER if metric in _scores(group).get(name, {})]
    if len(there) < 3:
        return
    found = sorted(there, key=lambda name: _scores(group)[name][metric].mean)
    paper, here = (" < ".join(map(title, names)) for names in (there, found))
    share = f", in {_alike(runs, found, metric)} of {len(runs.runs)} seeds" if len(runs.runs) > 1 else ""
    if found == there:
        yield f"The paper's order is found, {paper}{share}."
    else:
        turned = "; ".join(_turned(group, metric, found, there))
        yield f"The paper's order, {paper}, is not found; here it is {here}{share}. The other way round: {turned}."


def _turned(group: LookalikeGroup, metric: str, found: Sequence[str], paper: Sequence[str]) -> Iterator[str]:
    """What stands below others that the paper has it above; of RALM it is known whether clearly so."""
    minus = {one.name: one.own_minus.get(metric) for one in group.scorers}
    for place, one in enumerate(found):
        above = []
        for other in (name for name in found[place + 1 :] if paper.index(one) > paper.index(name)):
            difference = minus[other] if one == RALM else None
            clear = "" if difference is None else " (clearly)" if difference.sign else " (not clearly)"
            above.append(title(other) + clear)
        if above:
            yield f"{title(one)} below {', '.join(above)}"


def _alike(runs: Alike, order: Sequence[str], metric: str) -> int:
    """How many runs have this order."""
    scores = [run.metrics.scores for run in runs.runs]
    return sum(sorted(order, key=lambda name: one[name][metric].mean) == list(order) for one in scores)


def _merge(difference: Measured, metric: str) -> str:
    start = "Ranked by inner product alone, attention over fields minus their concatenation is"
    if difference.half is None:
        return f"{start} {difference.mean:+.3f} {nice(metric)}.".replace("-", "−")
    both = Difference(difference.mean, difference.half, None)
    clear = {1: "clearly better", 0: "no clear difference", -1: "clearly worse"}[both.sign]
    return f"{start} {signed(both)} {nice(metric)} over seeds: {clear}."


def _clusters(study: Study) -> str:
    (metric,) = study.points[0].scores
    best = max(study.points, key=lambda point: point.scores[metric].mean)
    tried = ", ".join(str(point.value) for point in study.points)
    words = f"Of {tried} clusters, {best.value} have the highest {nice(metric)}, {_said(best.scores[metric])}"
    paper = [point for point in study.points if point.value == study.best and point is not best]
    if not paper:
        return f"{words}."
    apart = abs(paper[0].scores[metric].mean - best.scores[metric].mean)
    overlap = apart <= sum(point.scores[metric].half or 0.0 for point in (paper[0], best))
    return (
        f"{words}; the paper's {study.best} have {_said(paper[0].scores[metric])}, and the intervals "
        f"{'overlap' if overlap else 'are apart'}."
    )


def _said(measured: Measured) -> str:
    half = "" if measured.half is None else f"\u00a0±\u00a0{measured.half:.3f}"
    return f"{measured.mean:.3f}{half}"
