"""Several studies in tables: scores and differences with studies as columns, and what the columns rest on."""

from collections.abc import Iterable, Mapping
from itertools import product

import pandas as pd

from study.analysis.comparisons import as_numbers
from study.analysis.several_studies import SeveralStudies
from study.analysis.summary import five
from study.reporting import cells, status_wording, wording
from study.reporting.comparison_wording import BETTER, NOT_DECIDABLE, WORSE
from study.reporting.section import Row, Strong, Table
from study.reporting.verdicts import judged

MARKS = {BETTER: "↑", WORSE: "↓"}
SCORES = (
    "Bold: the best mean of a column. ↑ and ↓: better or worse than {base} by a t-test, Holm-adjusted within "
    "each study's candidates, single modalities and controls."
)
RANKED = " Average rank: over the studies, among methods that all of them have."
UNRANKED = (
    " There is no average rank: that takes two methods that all studies have, other data in each, and scores "
    "on one split."
)
DIFFERENCES = (
    "Difference with its 95 % interval, and what a t-test says of it, Holm-adjusted within each study. "
    "Nothing is adjusted over studies."
)


def column(several: SeveralStudies, study: str) -> str:
    """What stands above a study: its data, or its own name where two studies have data of one name."""
    names = [results.settings.data.name for results in several.results.values()]
    data = several.results[study].settings.data.name
    return data if len(set(names)) == len(names) else study


def scores(several: SeveralStudies, protocol: str) -> Table:
    """A mean with its interval in each cell, the best of each column marked."""
    ranks = several.average_ranks(protocol)
    heads = ["Method", *_heads(several, protocol), *(["Average rank"] if ranks else [])]
    rows = [_score_row(several, protocol, method, ranks) for method in several.methods]
    metric = several.judged_by.name
    measured = wording.with_unit(wording.capitalised(wording.metric(metric)), metric, "%")
    note = SCORES.format(base=wording.inside(several.label(several.baseline)))
    title = f"{measured}, {cells.PROTOCOLS[protocol]} protocol: mean over fresh seeds with 95 % interval"
    return Table(title, heads, rows, _limits(several) + note + (RANKED if ranks else UNRANKED))


def differences(several: SeveralStudies, protocol: str) -> Table:
    """What each method adds to the baseline, and whether that is shown."""
    rows = [
        [several.label(method), *(_difference(several, study, protocol, method) for study in several.results)]
        for method in several.methods
        if any(several.added(study, protocol, method) for study in several.results)
    ]
    base, metric = wording.inside(several.label(several.baseline)), several.judged_by.name
    measured = wording.with_unit(wording.capitalised(wording.metric(metric)), metric, "points")
    title = f"{measured} minus {base}, {cells.PROTOCOLS[protocol]} protocol"
    return Table(title, ["Method", *_heads(several, protocol)], rows, _limits(several) + DIFFERENCES)


def basis(several: SeveralStudies) -> Table:
    """What the columns rest on; without these a number means nothing."""
    heads = ["Study", "Data", "Samples", "Protocol", "Split", "Recipe", "Frames", "Selection", "Optimizer"]
    rows = [
        [study, data.name, str(data.samples or wording.NONE), protocol, *map(str, rests_on.values())]
        for study, protocol in product(several.results, several.protocols)
        for data in [several.results[study].settings.data]
        for rests_on in [five(several.results[study].settings, protocol)]
    ]
    return Table("What the columns rest on", heads, rows)


def findings(several: SeveralStudies) -> Iterable[str]:
    """In which studies a method differs from the baseline."""
    base = wording.inside(several.label(several.baseline))
    for protocol, method in product(several.protocols, several.methods):
        places: dict[str, list[str]] = {}
        for study in several.results:
            if (compared := several.added(study, protocol, method)) is not None:
                said = judged(several.results[study], compared)
                places.setdefault(said, []).append(column(several, study))
        told = [f"{shown} in {wording.listing(studies)}" for shown, studies in places.items()]
        if told:
            yield f"{several.label(method)}{cells.SHORT[protocol]} against {base}: {'; '.join(told)}."


def frame(several: SeveralStudies) -> pd.DataFrame:
    """A row per study, protocol and method that was asked for, with all digits."""
    places = product(several.results, several.protocols, several.methods)
    return pd.DataFrame(
        [_row(several, *place) for place in places if place[2] in several.results[place[0]].methods]
    )


def samples(several: SeveralStudies) -> list[str]:
    """Studies of generated data that stand in for a real data set."""
    return [name for name, results in several.results.items() if results.settings.data.is_sample]


def unfinished(several: SeveralStudies) -> list[str]:
    """Studies whose trials are not all there."""
    return [name for name, results in several.results.items() if not results.summary["complete"]]


def saturated(several: SeveralStudies) -> list[str]:
    """Studies whose selection could not tell epochs and configurations apart."""
    return [name for name, results in several.results.items() if results.saturated]


def _limits(several: SeveralStudies) -> str:
    """What a reader of a table alone must know first."""
    limits = {
        "SAMPLE, generated data, not a result": samples(several),
        "Not complete": unfinished(several),
        "Selection is saturated, so nothing is said of methods": saturated(several),
    }
    return "".join(f"{what}: {wording.listing(studies)}. " for what, studies in limits.items() if studies)


def _heads(several: SeveralStudies, protocol: str) -> list[str]:
    """Names of the columns; of one that was not tested, with the split that stands in."""
    splits = {study: results.split(protocol) for study, results in several.results.items()}
    return [
        column(several, study) + ("" if split == "test" else f", {split}") for study, split in splits.items()
    ]


def _score_row(several: SeveralStudies, protocol: str, method: str, ranks: Mapping[str, float]) -> list[str]:
    """A method over all studies; there is a column of ranks if any method has one."""
    row = [several.label(method)]
    for study in several.results:
        cell = _score(several, study, protocol, method)
        row.append(Strong(cell) if method in several.best(study, protocol) else cell)
    if ranks:
        row.append(f"{ranks[method]:.1f}" if method in ranks else wording.NONE)
    return row


def _score(several: SeveralStudies, study: str, protocol: str, method: str) -> str:
    """A mean with its mark and interval, or what became of the method."""
    measured, status = several.score(study, protocol, method), several.status(study, protocol, method)
    if measured is None:
        return wording.NONE if status is None else status_wording.status(status)
    mean, *interval = cells.score(measured, several.judged_by.name).split("\n")
    compared = several.added(study, protocol, method)
    said = compared and judged(several.results[study], compared)
    mark = MARKS.get(said, "") if said else ""
    return "\n".join([wording.SPACE.join(filter(None, [mean, mark])), *interval])


def _difference(several: SeveralStudies, study: str, protocol: str, method: str) -> str:
    compared = several.added(study, protocol, method)
    if compared is None:
        return wording.NONE
    said = judged(several.results[study], compared)
    untested = said == NOT_DECIDABLE or compared.adjusted is None
    p = [] if untested else [wording.p_value(compared.adjusted or 0.0)]
    return "\n".join([cells.tested(compared)[0], ", ".join([said, *p])])


def _row(several: SeveralStudies, study: str, protocol: str, method: str) -> Row:
    results, compared = several.results[study], several.added(study, protocol, method)
    status = several.status(study, protocol, method)
    numbers = {} if compared is None else as_numbers(compared)
    measured = several.score(study, protocol, method) or {}
    rests_on = five(results.settings, protocol)
    return {
        "study": study,
        "data": results.settings.data.name,
        "digest": results.settings.data.digest,
        "is_sample": results.settings.data.is_sample,
        "is_complete": results.summary["complete"],
        "protocol": protocol,
        "split": results.split(protocol),
        "metric": several.judged_by.name,
        "method": method,
        "is_baseline": method == several.baseline,
        "status": status and status_wording.status(status),
        "seeds": status and status.seeds,
        **{name: measured.get(name) for name in ("mean", "std", "low", "high")},
        "is_best": method in several.best(study, protocol),
        "average_rank": several.average_ranks(protocol).get(method),
        **{name: numbers.get(name) for name in ("difference", "difference_low", "difference_high", "p_holm")},
        "verdict": compared and judged(results, compared),
        **{"split_policy" if name == "split" else name: value for name, value in rests_on.items()},
    }
