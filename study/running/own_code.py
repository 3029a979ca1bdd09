"""Parts of a user's own in the processes of trials: sent to the nodes of a cluster, and looked for there."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from study.running import every_node
from trainables.multimodal.errors import InputError
from trainables.multimodal.own_parts import places, require_unchanged, top_level

INSTALLED: Final = ("site-packages", "dist-packages")
"""Folders of what is installed: nodes have it as they have this project."""
MOST_BYTES: Final = 100 * 2**20
"""Of a package that is sent: Ray keeps it in memory on the head."""
ANSWER: Final = 300.0
"""Seconds that a node has to import what is a user's own, and with it torch."""


def sent(parts: Iterable[str]) -> list[str]:
    """Files and folders that hold these parts, for nodes of a cluster; what is installed is there already.

    Raises InputError for a folder that holds too much beside code.
    """
    found = [place for module in sorted({*map(top_level, parts)}) for place in places(module)]
    own = [place for place in found if not {*INSTALLED} & {*place.parts}]
    for place in own:
        if _size(place) > MOST_BYTES:
            raise InputError(
                f"{place} has more than {MOST_BYTES // 2**20} MiB and is sent to every node whole: keep data "
                "elsewhere, or install the package on all nodes"
            )
    return [str(place) for place in own]


def require_everywhere(digests: Mapping[str, str]) -> None:
    """Raise InputError for the first node whose processes lack a part, or have another version of it."""
    if not digests:
        return
    hosts = every_node.hosts()
    for node, reason in every_node.ask(lacking, dict.fromkeys(hosts, (digests,)), ANSWER).items():
        if reason:
            raise InputError(f"in the processes of trials on {hosts[node]}: {reason}")


def lacking(digests: Mapping[str, str]) -> str:
    """Why a part cannot be used in this process; empty if all can."""
    try:
        require_unchanged(digests)
    except InputError as error:
        return str(error)
    return ""


def _size(place: Path) -> int:
    """Bytes of a file or a folder, counted until they are too many."""
    total = place.stat().st_size if place.is_file() else 0
    for folder, _, names in os.walk(place):
        total += sum(Path(folder, name).lstat().st_size for name in names)
        if total > MOST_BYTES:
            break
    return total
