"""What a running study shows: a live table in a terminal, a line per finished trial elsewhere."""

import math
import time
from collections.abc import Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from study.records.trial_record import BEST_OBJECTIVE, Record
from study.running.stage_run import StagePlan
from study.settings import STAGES

SELECTED = {"clean": "validation", "paper": "test"}  # split that the best epoch was chosen on
_SHOWN = 8  # running trials listed below the table


class Progress:
    """Follows the trials of a study.

    Args:
        console: Where to draw; a console that is no terminal gets plain lines.
        title: Name of the study.

    """

    def __init__(self, console: Console, title: str) -> None:
        self.console = console
        self.title = title
        self.started = time.monotonic()
        self.wanted: dict[tuple[str, str], int] = {}
        self.records: dict[str, Record] = {}
        self._live = Live(console=console, refresh_per_second=2, get_renderable=self._draw, transient=True)

    def __enter__(self) -> "Progress":
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self.console.is_terminal:
            self._live.stop()
            self.console.print(self._table())

    def planned(self, plans: Sequence[StagePlan], records: Sequence[Record]) -> None:
        """Announce stages that begin or grow, and what the ledger has of them already."""
        grown = [p for p in plans if p.count and self.wanted.get((p.stage, p.method)) != p.count]
        self.wanted |= {(plan.stage, plan.method): plan.count for plan in grown}
        self.records |= {record.key: record for record in records}
        if self.console.is_terminal:
            return
        for stage in dict.fromkeys(plan.stage for plan in grown):
            counts = ", ".join(f"{plan.method} {plan.count}" for plan in grown if plan.stage == stage)
            self.console.print(f"{stage}: {counts} trials", soft_wrap=True)

    def changed(self, record: Record) -> None:
        """Show a trial's newest state."""
        before = self.records.get(record.key)
        self.records[record.key] = record
        if record.finished and not (before and before.finished) and not self.console.is_terminal:
            self.console.print(_line(record), soft_wrap=True)

    # -- drawing -------------------------------------------------------------------------------------------

    def _draw(self) -> Group:
        return Group(self._table(), *self._running())

    def _table(self) -> Table:
        table = Table(
            title=f"{self.title}, {_duration(time.monotonic() - self.started)}", title_justify="left"
        )
        table.add_column("stage")
        table.add_column("method")
        for column in ("done", "pruned", "diverged", "failed", "running"):
            table.add_column(column, justify="right")
        table.add_column("best", justify="right")
        for stage, method in sorted(self.wanted, key=lambda row: STAGES.index(row[0])):
            table.add_row(stage, method, *self._cells(stage, method))
        return table

    def _cells(self, stage: str, method: str) -> list[str]:
        trials = [r for r in list(self.records.values()) if (r.stage, r.method) == (stage, method)]
        done = sum(record.finished for record in trials)
        counts = [
            sum(r.status == status for r in trials) for status in ("pruned", "diverged", "failed", "running")
        ]
        return [
            f"{done}/{self.wanted[stage, method]}",
            *(str(count or "") for count in counts),
            _best(trials),
        ]

    def _running(self) -> list[Text]:
        running = [record for record in list(self.records.values()) if not record.finished]
        lines = [Text(_current(record), style="dim", no_wrap=True, overflow="ellipsis") for record in running]
        return lines[-_SHOWN:]


def _best(trials: Sequence[Record]) -> str:
    """The best score by each protocol, with the split that it was chosen on."""
    best: dict[str, Record] = {}
    for record in trials:
        if record.value is not None:
            best[record.protocol] = max(record, best.get(record.protocol, record), key=_value)
    return "\n".join(f"{_score(record)} {SELECTED[protocol]}" for protocol, record in sorted(best.items()))


def _value(record: Record) -> float:
    return -math.inf if record.value is None else record.value


def _score(record: Record) -> str:
    """What chose the best epoch, as people read it: an error is maximised with its sign turned."""
    last = record.epochs[max(record.epochs)]
    if BEST_OBJECTIVE not in last:
        return f"accuracy {_value(record):.4f}"
    return f"mae {-last[BEST_OBJECTIVE]:.4f}" if record.status != "diverged" else "mae that is not finite"


def _current(record: Record) -> str:
    epoch = max(record.epochs, default=0)
    value = "" if record.value is None else f", best {_score(record)}"
    varied = ", ".join(
        f"{k} {_short(v)}" for k, v in record.config.items() if k not in ("epochs", "precision")
    )
    name = f"  {record.stage} {record.method} #{record.number} seed {record.seed}"
    return f"{name}: epoch {epoch}/{record.config['epochs']}{value}  ({varied})"


def _line(record: Record) -> str:
    value = "no value" if record.value is None else f"best {SELECTED[record.protocol]} {_score(record)}"
    reason = f" ({record.reason})" if record.reason else ""
    name = f"{record.stage} {record.method} #{record.number}"
    return (
        f"{name}: {record.status}{reason} after {len(record.epochs)} epochs, {value}, {record.seconds:.0f} s"
    )


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
