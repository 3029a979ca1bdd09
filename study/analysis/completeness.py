"""Whether every trial that a study asked for exists and has ended well."""

from collections.abc import Mapping, Sequence
from typing import Any

from study.analysis.selection import agrees, incumbent, protocols
from study.analysis.summary import Sweeps, methods, stages
from study.records.ledger import Record


def complete(settings: Mapping[str, Any], records: Sequence[Record], sweeps: Sweeps) -> bool:
    """Whether every trial that was asked for exists and has ended without failing."""
    if not records or any(record.status in ("running", "failed") for record in records):
        return False
    asked = {"search": _searched, "confirm": _confirmed, "sensitivity": _swept}
    barren = {method for method in methods(settings, records) if _barren(records, method)}
    return all(
        asked[stage](settings, records, method, sweeps)
        for stage in stages(settings, records)
        if stage in asked
        for method in methods(settings, records)
        if stage == "search" or method not in barren
    )


def _barren(records: Sequence[Record], method: str) -> bool:
    """Searched without a trial that ran to its end: there is nothing to confirm or to sweep."""
    searched = any((record.stage, record.method) == ("search", method) for record in records)
    return searched and incumbent(records, method) is None


def _searched(settings: Mapping[str, Any], records: Sequence[Record], method: str, _: Sweeps) -> bool:
    """All trials asked for, or fewer where the search noted that the space holds no more."""
    searched = sum((record.stage, record.method) == ("search", method) for record in records)
    return method in settings.get("exhausted", []) or searched >= settings.get("budget", {}).get("trials", 1)


def _confirmed(settings: Mapping[str, Any], records: Sequence[Record], method: str, _: Sweeps) -> bool:
    seeds = settings.get("budget", {}).get("seeds", 1)
    best = incumbent(records, method)
    runs = [
        r for r in records if (r.stage, r.method) == ("confirm", method) and best and agrees(r, best.config)
    ]
    return all(sum(r.protocol == protocol for r in runs) >= seeds for protocol in protocols(settings))


def _swept(settings: Mapping[str, Any], _: Sequence[Record], method: str, sweeps: Sweeps) -> bool:
    seeds = settings.get("budget", {}).get("seeds", 1)
    asked = settings.get("sensitivity", {}).get(method, {})
    ran = {
        key: {one.value: len(one.seeds) + len(one.lost) for one in sweeps[method].get(key, [])}
        for key in asked
    }
    return all(ran[key].get(value, 0) >= seeds for key, values in asked.items() for value in values)
