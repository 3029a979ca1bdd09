"""Which trials a result rests on: the configuration that won its search, and the runs that confirm it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from study.records.ledger import Record

METRICS = ("accuracy", "macro_f1")
BASELINE = "joint"  # what all other methods are compared with
PER_STAGE = {"seed", "data", "split", "selection", "diagnose"}
"""Settings that stages and protocols may change."""


def incumbent(records: Sequence[Record], method: str) -> Record | None:
    """The completed search trial with the best value; ties go to the lowest number."""
    found = completed(records, "search", method)
    return max(found, key=lambda record: (record.value, -record.number), default=None)


def completed(records: Sequence[Record], stage: str, method: str) -> list[Record]:
    """Trials that ran to their end and did not diverge, with a finite value."""
    chosen = [r for r in records if (r.stage, r.method, r.status) == (stage, method, "completed")]
    return [record for record in chosen if record.value is not None and math.isfinite(record.value)]


def agrees(record: Record, config: Mapping[str, Any], *, but: str | None = None) -> bool:
    """Whether a trial ran this configuration, one key left out: all settings both of them name are equal."""
    shared = (record.config.keys() & config.keys()) - PER_STAGE - {but}
    return all(record.config[name] == config[name] for name in shared)


def confirmed(records: Sequence[Record], method: str, protocol: str) -> list[Record]:
    """Completed confirm runs of the present incumbent."""
    best = incumbent(records, method)
    runs = [record for record in completed(records, "confirm", method) if record.protocol == protocol]
    return [record for record in runs if best is not None and agrees(record, best.config)]


def on_validation(record: Record) -> dict[str, float]:
    """Validation metrics of the best epoch; a paper run chose it on test, so they are looked up there."""
    last = record.epochs.get(max(record.epochs, default=0), {})
    at_best = record.epochs.get(int(last.get("best/epoch", 0)), {})
    source, prefix = (last, "best/") if record.protocol == "clean" else (at_best, "validation/")
    return {name: source[prefix + name] for name in METRICS if prefix + name in source}


def protocols(settings: Mapping[str, Any]) -> list[str]:
    """Protocols of the confirm runs, the one that `methods` shows first."""
    name = settings.get("protocol", {}).get("name") or "clean"
    return ["clean", "paper"] if name == "both" else [name]
