"""What a running study shows: a live table in a terminal, a line per finished trial elsewhere."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from study.records.trial_record import Record
from study.running.announcement import counted
from study.running.stage_run import StagePlan
from study.running.tally import StageMethod, Tally
from study.settings import STAGES
from trainables.multimodal.tasks import ACCURACY, CLASSIFICATION, OBJECTIVES, Objective

SELECTED = {"clean": "validation", "paper": "test"}  # split that the best epoch was chosen on
ENDINGS = ("running", "pruned", "diverged", "failed")  # that are told in words
_SHOWN = 8  # running trials listed below the table
_FEWEST = 3  # trials that ended, from which the time that is left is estimated
_BAR = 24  # characters


@dataclass(frozen=True)
class Outlook:
    """What is known of a study before it runs."""

    trials: Mapping[str, int] = field(default_factory=dict)
    """Stage -> at most so many, in order."""
    searched: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Method -> settings that its search varies."""
    swept: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Method -> settings that its sensitivity stage varies."""
    judged_by: Objective = OBJECTIVES[CLASSIFICATION][ACCURACY]
    """What is shown of a trial."""


class Progress:
    """Follows the trials of a study.

    Args:
        console: Where to draw; a console that is no terminal gets plain lines.
        title: Name of the study.
        outlook: What is to come.

    """

    def __init__(self, console: Console, title: str, outlook: Outlook | None = None) -> None:
        self.console = console
        self.title = title
        self.outlook = outlook or Outlook()
        self.ended = 0  # in this run of the command
        self.started = time.monotonic()
        self.wanted: dict[tuple[str, str], int] = {}
        self.tally = Tally()
        self._live = Live(console=console, refresh_per_second=2, get_renderable=self._draw, transient=True)

    def __enter__(self) -> "Progress":
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self.console.is_terminal:
            self._live.stop()
            self.console.print(self._head(), self._table())

    def planned(self, plans: Sequence[StagePlan], records: Sequence[Record]) -> None:
        """Announce stages that begin or grow, and what the ledger has of them already."""
        grown = [p for p in plans if p.count and self.wanted.get((p.stage, p.method)) != p.count]
        added = {(plan.stage, plan.method): plan.count for plan in grown}
        self.wanted = self.wanted | added  # a new one: the thread that draws goes through the old
        for record in records:
            self.tally.update(record)
        if self.console.is_terminal:
            return
        for stage in dict.fromkeys(plan.stage for plan in grown):
            counts = ", ".join(f"{plan.method} {plan.count}" for plan in grown if plan.stage == stage)
            self.console.print(f"{stage}: {counts} trials", soft_wrap=True)

    def changed(self, record: Record) -> None:
        """Show a trial's newest state."""
        if self.tally.update(record):
            self.ended += 1
            if not self.console.is_terminal:
                self.console.print(self._line(record), soft_wrap=True)

    def _line(self, record: Record) -> str:
        """A trial that ended, and how many of its kind have."""
        value = "no value"
        if record.value is not None:
            value = f"best {SELECTED[record.protocol]} {_score(record, self.outlook.judged_by)}"
        reason = f" ({record.reason})" if record.reason else ""
        name = f"{record.stage} {record.method} #{record.number}{self._swept(record)}"
        epochs = counted(len(record.epochs), "epoch")
        ended = f"{record.status}{reason} after {epochs}, {value}, {record.seconds:.0f} s"
        return f"{name}: {ended}; {self._done([(record.stage, record.method)])} done"

    def _swept(self, record: Record) -> str:
        """What a trial of a sweep has of all that is swept, of which one differs from the incumbent."""
        keys = self.outlook.swept.get(record.method, ()) if record.stage == "sensitivity" else ()
        return "".join(f", {key} {_short(record.config[key])}" for key in keys if key in record.config)

    # -- drawing -------------------------------------------------------------------------------------------

    def _draw(self) -> Group:
        return Group(self._head(), self._table(), *self._running())

    def _head(self) -> Group:
        """How far the study is, how long it may still take, and which stages are to come."""
        done, total = self.tally.finished(), self._total()
        elapsed = time.monotonic() - self.started
        told = f"{done} of at most {total} trials, {_duration(elapsed)}"
        if self.ended >= _FEWEST and done < total:
            told += f", about {_duration(elapsed / self.ended * (total - done))} left"
        begun = {stage for stage, _ in self.wanted}
        later = [stage for stage in self.outlook.trials if stage not in begun]
        to_come = Text(f"to come: {', '.join([*later, 'report'])}", style="dim")
        bar = ProgressBar(total=max(total, 1), completed=done, width=_BAR)
        title = Text(self.title, style="bold", no_wrap=True, overflow="ellipsis")
        return Group(title, Columns([bar, told]), to_come)

    def _total(self) -> int:
        """Trials of all stages: those that were planned, and at most those of stages to come."""
        planned = dict.fromkeys(self.outlook.trials, 0)
        for (stage, _), count in self.wanted.items():
            planned[stage] = planned.get(stage, 0) + count
        return sum(max(count, self.outlook.trials.get(stage, 0)) for stage, count in planned.items())

    def _table(self) -> Table:
        """A line per stage, and below it one per method, in 80 columns with whole names."""
        table = Table(box=None, padding=(0, 1), pad_edge=False)
        table.add_column("trials", no_wrap=True)
        table.add_column("done", justify="right", no_wrap=True)
        table.add_column("best", no_wrap=True)
        table.add_column("of these")
        for stage in sorted(dict.fromkeys(stage for stage, _ in self.wanted), key=STAGES.index):
            groups = [group for group in self.wanted if group[0] == stage]
            table.add_row(stage, self._done(groups), style="bold")
            for group in groups:
                endings = _endings(self.tally.statuses[group])
                table.add_row(f"  {group[1]}", self._done([group]), self._best(group), endings)
        return table

    def _done(self, groups: Sequence[StageMethod]) -> str:
        return f"{self.tally.finished(*groups)}/{sum(self.wanted[group] for group in groups)}"

    def _best(self, group: StageMethod) -> str:
        """The best score by each protocol, with the split that it was chosen on."""
        judged_by = self.outlook.judged_by
        best = {split: self.tally.best(group, protocol) for protocol, split in SELECTED.items()}
        return "\n".join(f"{_short_score(one, judged_by)} {split}" for split, one in best.items() if one)

    def _running(self) -> list[Text]:
        running = list(self.tally.running.values())[-_SHOWN:]
        outlook = self.outlook
        lines = [current(r, outlook.searched.get(r.method, ()), outlook.judged_by) for r in running]
        return [Text(line, style="dim", no_wrap=True, overflow="ellipsis") for line in lines]


def _endings(statuses: Mapping[str, int]) -> str:
    """`2 running, 1 pruned`."""
    return ", ".join(f"{statuses[status]} {status}" for status in ENDINGS if statuses[status])


def _score(record: Record, judged_by: Objective) -> str:
    """What chose the best epoch, as people read it; only an accuracy has a worst value to show."""
    if record.status == "diverged" and judged_by.name != ACCURACY:
        return f"{judged_by.name} unknown"
    return f"{judged_by.name} {judged_by.score(record.reached):.4f}"


def _short_score(record: Record, judged_by: Objective) -> str:
    """The same in narrow places, where accuracy goes without saying."""
    return _score(record, judged_by).removeprefix(f"{ACCURACY} ")


def current(record: Record, searched: Collection[str], judged_by: Objective) -> str:
    """A running trial on one line: what was searched comes before what is fixed, which may be cut."""
    epoch = max(record.epochs, default=0)
    value = "" if record.value is None else f", {_short_score(record, judged_by)}"
    shown = {key: setting for key, setting in record.config.items() if key not in ("epochs", "precision")}
    order = sorted(shown, key=lambda key: key not in searched)
    varied = ", ".join(f"{key} {_short(shown[key])}" for key in order)
    name = f"  {record.stage} {record.method} #{record.number}"
    return f"{name}: epoch {epoch}/{record.config['epochs']}{value}: {varied}, seed {record.seed}"


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
