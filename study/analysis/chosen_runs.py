"""What a study's results rest on, chosen once: incumbents, the runs that confirm them, the split used."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from study.analysis.metric_names import METRICS
from study.analysis.selection import (
    agrees,
    completed,
    incumbent,
    on_test,
    on_validation,
    ranked,
)
from study.analysis.statistics import collapsed
from study.records.trial_record import Record
from study.settings import StudySettings
from trainables.multimodal.tasks import MULTILABEL


@dataclass(frozen=True, eq=False)
class ChosenRuns:
    """A study's trials by stage and method, with what was chosen among them; each part is computed once."""

    settings: StudySettings
    records: Sequence[Record]

    @cached_property
    def methods(self) -> list[str]:
        """Methods in the order they were asked for, then others that have trials."""
        return list(dict.fromkeys([*self.settings.methods, *(record.method for record in self.records)]))

    @cached_property
    def stages(self) -> list[str]:
        """Stages that hold or should hold trials."""
        asked = [stage for stage in self.settings.stages if stage != "report"]
        return list(dict.fromkeys([*asked, *(record.stage for record in self.records)]))

    @property
    def protocols(self) -> tuple[str, ...]:
        """Protocols of the confirm runs, the one that results show first."""
        return self.settings.protocols

    @property
    def metrics(self) -> tuple[str, ...]:
        """The two that methods are shown with: what they are judged by, then one more.

        Of several labels that is macro-F1: most decisions are that a label is absent, and easily right.
        """
        others = reversed(METRICS) if self.settings.protocol.kind == MULTILABEL else METRICS
        return tuple(dict.fromkeys([self.settings.judged_by.name, *others]))[:2]

    def trials(self, stage: str, method: str) -> list[Record]:
        """All trials of a method in one stage, whatever became of them."""
        return self._trials.get((stage, method), [])

    @cached_property
    def searched(self) -> Mapping[str, list[Record]]:
        """Method -> completed search trials."""
        return {method: completed(self.trials("search", method), "search", method) for method in self.methods}

    @cached_property
    def incumbents(self) -> Mapping[str, Record]:
        """Method -> the search trial whose configuration is its best, where one has completed."""
        trials = {m: [*self.searched[m], *self.trials("finalists", m)] for m in self.methods}
        bests = {method: incumbent(records, method) for method, records in trials.items()}
        return {method: best for method, best in bests.items() if best is not None}

    def ranked(self, method: str) -> list[Record]:
        """Completed search trials, the best first."""
        return ranked(self.searched[method])

    def finalists(self, method: str) -> list[Record]:
        """Search trials that are run again before one is chosen, the best of the search first."""
        return self.ranked(method)[: self.settings.budget.finalists]

    def reruns(self, method: str) -> list[Record]:
        """Completed runs of finalists on fresh seeds."""
        return completed(self.trials("finalists", method), "finalists", method)

    def configuration(self, method: str, protocol: str) -> dict[str, Any] | None:
        """What a method's confirm runs train with: its best configuration, or a published recipe."""
        best = self.incumbents.get(method)
        return self.settings.confirmed(method, protocol, None if best is None else best.config)

    def begun(self, method: str, protocol: str) -> list[Record]:
        """Confirm runs of that configuration, whatever became of them."""
        config = self.configuration(method, protocol)
        runs = [run for run in self.trials("confirm", method) if run.protocol == protocol]
        return [run for run in runs if config and agrees(run, config)]

    def confirmed(self, method: str, protocol: str) -> list[Record]:
        """Completed ones of these."""
        return self._confirmed.get((method, protocol), [])

    def seeds_begun(self, method: str) -> int:
        """How many confirm runs there are by the main protocol, whatever became of them."""
        return len(self.begun(method, self.protocols[0]))

    def published(self, method: str) -> list[Record]:
        """Completed confirm runs of a method's published values at the learning rate of its best."""
        best = self.incumbents.get(method)
        if best is None or not self.settings.repeats_published(method):
            return []
        first = self.protocols[0]
        published = self.settings.published(method, best.config.get("lr"))
        config = published and self.settings.confirmed(method, first, published)
        runs = completed(self.trials("confirm", method), "confirm", method)
        return [run for run in runs if config and run.protocol == first and agrees(run, config)]

    def published_trained(self, method: str) -> list[Record]:
        """Those of them that did not collapse."""
        runs = self.published(method)
        left_out = self._failed_to_train(runs)
        return [run for run in runs if run.seed not in left_out]

    def collapsed(self, method: str, protocol: str) -> set[int]:
        """Seeds of those runs that failed to train.

        They are judged by macro-F1, where guessing one class gains nothing, and on validation, so that test
        decides nothing.
        """
        return self._collapsed.get((method, protocol), set())

    def trained(self, method: str, protocol: str) -> list[Record]:
        """Completed confirm runs without those that collapsed."""
        left_out = self.collapsed(method, protocol)
        return [run for run in self.confirmed(method, protocol) if run.seed not in left_out]

    @cached_property
    def judged_on(self) -> Mapping[str, str]:
        """Protocol -> split: test where any method was tested, validation before that."""
        return {protocol: "test" if self._tested(protocol) else "validation" for protocol in self.protocols}

    @cached_property
    def _trials(self) -> Mapping[tuple[str, str], list[Record]]:
        groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
        for record in self.records:
            groups[record.stage, record.method].append(record)
        return dict(groups)

    @cached_property
    def _confirmed(self) -> Mapping[tuple[str, str], list[Record]]:
        return {
            (method, protocol): completed(self.begun(method, protocol), "confirm", method)
            for method in self.methods
            for protocol in self.protocols
        }

    @cached_property
    def _collapsed(self) -> Mapping[tuple[str, str], set[int]]:
        return {key: self._failed_to_train(runs) for key, runs in self._confirmed.items()}

    def _failed_to_train(self, runs: Sequence[Record]) -> set[int]:
        guessing = chance(self.settings)
        scores = {run.seed: on_validation(run).get("macro_f1") for run in runs}
        known = {seed: f1 for seed, f1 in scores.items() if f1 is not None}
        return set() if guessing is None else collapsed(known, guessing)

    def _tested(self, protocol: str) -> bool:
        return any(on_test(run) for method in self.methods for run in self.confirmed(method, protocol))


def chance(settings: StudySettings) -> float | None:
    """Accuracy of guessing, for equally frequent classes; those of a regression are the signs.

    Of several labels nobody knows how frequent each is.
    """
    if settings.protocol.kind == MULTILABEL:
        return None
    if settings.protocol.task:
        return 1 / 2
    return 1 / len(settings.data.classes) if settings.data.classes else None
