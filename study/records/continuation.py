"""Whether a later command asks for the study that a ledger holds, and what it may change."""

from collections.abc import Mapping
from typing import Any, Final

from study.settings import STAGES
from trainables.multimodal.errors import InputError

MAY_GROW: Final = ("trials", "seeds", "baseline_seeds", "points", "stages")
LATER: Final = (
    "pruning",
    "folds",
    "confirms_published",
    "budget.finalists",
    "budget.baseline_seeds",
    "protocol.tested",
)
"""Beginnings of entries that ledgers of version 0.1.0 lack: such a study goes on without them."""
SWEPT_BEFORE: Final = {"sensitivity.boosting.sigma": [0.8, 1.0, 1.2]}
"""What earlier versions swept by default: such a study goes on with it."""
MAY_CHANGE: Final = ("id", "mlflow", "resources", "made_with", "exhausted")
"""Where a study runs and shows, and how far it came."""


def continued(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a study that goes on: as they were, with more trials, seeds, points or stages.

    Both are as the ledger stores them: compared as JSON, differences between versions show.

    Raises:
        InputError: Anything else differs; the message lists each difference.

    """
    # A command without a surface leaves its points as they are.
    budget = {**_points(before), **_baseline(before, now), **now["budget"]}
    old, new = _flat(before), _flat({**now, "budget": budget})
    if "confirms_published" not in old:
        new = {key: value for key, value in new.items() if key in old or not key.startswith(LATER)}
    changed = [key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]
    refused = [key for key in changed if not _allowed(key, old.get(key), new.get(key))]
    if "recipes" in now and "recipes" not in before and "paper" in before["protocol"]["splits"]:
        raise InputError(
            f"study {before['study']} was begun by a version whose paper protocol trained all methods alike; "
            "now each has its published recipe. Use --fresh to begin anew and keep the old folder under "
            "another name."
        )
    if refused:
        told = [key for key in refused if not key.startswith("recipes.")] or refused  # the others make them
        diff = "; ".join(f"{key} was {old.get(key)!r}, now {new.get(key)!r}" for key in told)
        raise InputError(
            f"study {before['study']} was begun with other settings: {diff}. Use the settings it was begun "
            "with, or --fresh to begin anew and keep the old folder under another name."
        )
    stages = [stage for stage in STAGES if stage in {*before["stages"], *now["stages"]}]
    spent = {**_points(now), **before["budget"]}
    grown = {key: max(number, budget.get(key, number)) for key, number in spent.items()}
    kept = {"data": now["data"], "resources": now.get("resources")}
    if "made_with" in now:
        kept["made_with"] = now["made_with"]
    return {**before, **kept, "budget": grown, "stages": stages}


def _points(settings: Mapping[str, Any]) -> dict[str, int]:
    """The entry of the budget that a study has where a surface was asked for."""
    return {key: number for key, number in settings["budget"].items() if key == "points"}


def _baseline(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, int]:
    """The baseline's seeds, which are not spelled out where it has as many as the others."""
    return {name: now["budget"]["seeds"] for name in before["budget"] if name == "baseline_seeds"}


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as dotted keys; lists stay whole."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if not prefix and key in MAY_CHANGE:
            continue
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _allowed(key: str, old: Any, new: Any) -> bool:
    """Trials, seeds, points and stages may grow, and what is said of the same data may change; nothing else.

    A regression that was begun before it had an objective goes on choosing by accuracy, and a study of own
    methods that was begun before their source was told goes on without.
    """
    told_since = old is None and key.startswith("own_parts.")
    if told_since or (key in SWEPT_BEFORE and old == SWEPT_BEFORE[key]):
        return True
    if key == "data.note" or (key, old, new) == ("protocol.objective", None, "mae"):
        return True
    return key.split(".")[-1] in MAY_GROW and (not isinstance(old, int) or new >= old)
