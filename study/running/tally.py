"""What is counted of a study's trials while it runs, brought up to date trial by trial."""

import math
from collections import Counter, defaultdict
from operator import attrgetter

from study.records.trial_record import Record

StageMethod = tuple[str, str]
"""The two that a trial belongs to."""


class Tally:
    """Trials by their status, the best of them, and those that run.

    A change costs the same however many trials there are, and so does a look, which a table takes twice a
    second. Only where the best trial diverges, the next best is looked for among all.
    """

    def __init__(self) -> None:
        self.running: dict[str, Record] = {}  # by key, in the order in which they began
        self.statuses: defaultdict[StageMethod, Counter[str]] = defaultdict(Counter)
        self._records: defaultdict[StageMethod, dict[str, Record]] = defaultdict(dict)
        self._best: dict[tuple[StageMethod, str], tuple[float, Record]] = {}  # by protocol, with its value

    def update(self, record: Record) -> bool:
        """Take up a trial's newest state; True if that is its end."""
        group = (record.stage, record.method)
        before = self._records[group].get(record.key)
        self._records[group][record.key] = record
        if before:
            self.statuses[group][before.status] -= 1
        self.statuses[group][record.status] += 1
        if record.finished:
            self.running.pop(record.key, None)
        else:
            self.running[record.key] = record
        self._rank(group, record)
        return record.finished and not (before and before.finished)

    def finished(self, *groups: StageMethod) -> int:
        """Trials of these groups that have ended, or of all."""
        counts = [self.statuses[group] for group in groups or list(self.statuses)]
        return sum(statuses.total() - statuses["running"] for statuses in counts)

    def best(self, group: StageMethod, protocol: str) -> Record | None:
        """The trial with the largest value, if any has one."""
        value, record = self._best.get((group, protocol), (-math.inf, None))
        return None if value == -math.inf else record

    def _rank(self, group: StageMethod, record: Record) -> None:
        place = (group, record.protocol)
        value, best = self._best.get(place, (-math.inf, record))
        if record.reached >= value:
            self._best[place] = (record.reached, record)
        elif best.key == record.key:  # it has lost what it had reached
            rivals = [one for one in self._records[group].values() if one.protocol == record.protocol]
            best = max(rivals, key=attrgetter("reached"))
            self._best[place] = (best.reached, best)
