"""What study.prepare says of a store: what would be made, and what was."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.data.media.suspicions import KINDS
from trainables.multimodal.data.preparing.shards import spans
from trainables.multimodal.data.preparing.unusable import NAMED, told
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.splits import PARTS
from trainables.multimodal.data.store.feature_store import FeatureStore, sample_bytes
from trainables.multimodal.data.store.manifest import FILE

MANY: Final = 12
"""Classes that are still counted one by one."""


def plan(source: Source, out: Path) -> list[str]:
    """What preparing would do."""
    shapes = ", ".join(f"{name} {list(m.shape)} {m.dtype}" for name, m in source.modalities.items())
    size = len(source.ids) * sample_bytes(source.modalities)
    recipe = ", ".join(f"{key} {value}" for key, value in source.recipe.items() if key != "name")
    return [
        f"{source.name} from {source.root}: {len(source.ids)} samples of {len(source.files)} files",
        *([source.note] if source.note else []),
        f"recipe {source.recipe['name']}{f' ({recipe})' if recipe else ''}: {shapes}",
        *(f"split {policy}: {_sizes(Counter(parts))}" for policy, parts in source.splits.items()),
        f"would write {size / 2**20:,.0f} MiB in {len(spans(source))} files to {out}",
    ]


def report(store: FeatureStore, found: int, seconds: float) -> list[str]:
    """What was made of `found` samples in so many seconds, line by line."""
    skipped = store.manifest["skipped"]
    size = sum(entry["bytes"] for entry in store.manifest["files"])
    lines = [f"{store.path}: {summary(store)}", *([store.note] if store.note else []), *_parts(store)]
    if skipped:
        lines += [f"skipped, all named in {store.path / FILE}:", *told(skipped)]
    lines += _suspicious(store)
    done = f"{found} found, {len(store)} prepared, {len(skipped)} skipped; {size / 2**20:,.1f} MiB"
    return [*lines, f"{done} in {seconds:.1f} s ({found / seconds:,.0f} samples/s)"]


def _named(store: FeatureStore, lines: Sequence[str]) -> list[str]:
    """The first NAMED lines, and where to find the others."""
    more = len(lines) - NAMED
    return [*lines[:NAMED], *([f"and {more} more, all named in {store.path / FILE}"] if more > 0 else [])]


def _suspicious(store: FeatureStore) -> list[str]:
    """How many samples were kept though something is suspicious of them, what that is, and which they are."""
    kinds_of: dict[str, list[str]] = {}
    for kind, ids in store.suspicious.items():
        for sample in ids:
            kinds_of.setdefault(sample, []).append(kind)
    counts = [f"suspicious: {len(ids)} {kind} ({KINDS[kind]})" for kind, ids in store.suspicious.items()]
    advice = f"these are kept; --leave-out {','.join(store.suspicious)} would leave them out"
    named = _named(store, [f"suspicious {sample}: {', '.join(kinds)}" for sample, kinds in kinds_of.items()])
    return [*counts, *named, advice] if counts else []


def _parts(store: FeatureStore) -> list[str]:
    """Sizes of the parts of every split, and how classes and groups are spread over each of them."""
    lines = []
    for policy in store.policies:
        mark = " (default)" if policy == store.default_split else ""
        column = np.array(store.parts(policy))
        lines.append(f"split {policy}{mark}: {_sizes(Counter(column.tolist()))}")
        lines += [f"  {part}: {_spread(store, np.flatnonzero(column == part))}" for part in PARTS]
    return lines


def _spread(store: FeatureStore, rows: NDArray[np.intp]) -> str:
    """Samples of each class among the rows, or of what size classes are where there are many, and groups."""
    labels = store.labels[rows]
    counts = labels.sum(axis=0) if store.multilabel else np.bincount(labels, minlength=len(store.classes))
    there = counts[counts > 0]
    if not len(there):
        return "no samples"
    if len(counts) <= MANY:
        classes = ", ".join(f"{name} {count}" for name, count in zip(store.classes, counts, strict=True))
    else:
        classes = f"{len(there)} of {len(counts)} classes, {there.min()} to {there.max()} samples each"
    return f"{classes}; {len({store.groups[row] for row in rows})} groups" if store.groups else classes


def _sizes(parts: Mapping[str, int]) -> str:
    named = [f"{part} {parts[part]}" for part in PARTS]
    return ", ".join([*named, *([f"in no part {parts['']}"] if parts.get("") else [])])


def summary(store: FeatureStore) -> str:
    """What a store holds, in a line."""
    shapes = ", ".join(f"{name} {list(m.shape)} {m.dtype}" for name, m in store.modalities.items())
    label = "SAMPLE, not real data; " if store.is_sample else ""
    classes = f"{len(store.classes)} classes{', several per sample' if store.multilabel else ''}"
    return f"{label}{len(store)} samples, {classes}, {shapes}; digest {store.digest[:12]}"
