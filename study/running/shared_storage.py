"""Whether every node of a cluster sees the study's folder and its data, as trials there will need."""

import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from study.running import every_node
from trainables.multimodal.data.store import manifest
from trainables.multimodal.errors import InputError

ANSWER = 60.0  # seconds that a node has to start a process and answer
LAG = 10.0  # seconds until a file written elsewhere must be seen here; NFS caches folders for a few


def require_shared(folder: Path, store: Path) -> None:
    """Let every node leave a mark in the study's folder; InputError for one that cannot."""
    marks = folder / ".nodes"
    marks.mkdir(exist_ok=True)
    try:
        hosts = every_node.hosts()
        lacking = {node: reason for node, reason in ask(hosts, marks, store).items() if reason}
        lacking = lacking or dict.fromkeys(
            _unseen(hosts, marks), f"what it writes at {folder} is not seen here"
        )
    finally:
        shutil.rmtree(marks, ignore_errors=True)
    if lacking:
        node, reason = next(iter(lacking.items()))
        raise InputError(
            f"node {hosts[node]} does not share this machine's files ({reason}): on a cluster --results "
            "and --data must lie on storage that all nodes mount at the same path."
        )


def ask(nodes: Mapping[str, str], marks: Path, store: Path) -> dict[str, str]:
    """Why each node, by its id, cannot leave its mark; empty where it can."""
    data = str(store / manifest.FILE)
    return every_node.ask(leave_mark, {node: (str(marks / node), data) for node in nodes}, ANSWER)


def leave_mark(mark: str, data: str) -> str:
    """Write the file `mark` in its folder, which must be there as `data` must; why not, or nothing."""
    if not Path(data).exists():
        return f"{data} is not there"
    try:
        Path(mark).touch()
    except OSError as error:
        return f"{mark} cannot be written there: {error.strerror}"
    return ""


def _unseen(nodes: Mapping[str, str], marks: Path) -> set[str]:
    """Nodes whose marks do not show up here."""
    deadline = time.monotonic() + LAG
    while (unseen := nodes.keys() - {path.name for path in marks.iterdir()}) and time.monotonic() < deadline:
        time.sleep(0.2)
    return unseen
