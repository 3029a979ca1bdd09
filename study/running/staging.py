"""A copy of a study's data on the local disk of every node, where `--stage-data` asks for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from study.settings import Resources
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.data.store.local_copy import folder_of_copy, local_copy
from trainables.multimodal.data.store.manifest import size
from trainables.multimodal.errors import InputError

SLOWEST: Final = 10 * 2**20
"""Bytes a second at which a node reads shared storage at the least, with all others beside it."""


@dataclass(frozen=True)
class StagedData:
    """Data that the first trial on a node copies to its disk, and that all trials there read.

    The driver and whatever makes reports read the store itself.
    """

    folder: Path
    """Of the copy, the same on every node."""
    digest: str
    size: int
    """Bytes."""

    @property
    def longest(self) -> float:
        """Seconds that a node may take for its copy before a trial there hangs, beside what a trial may."""
        return self.size / SLOWEST

    def on_this_node(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """A trial's settings with this node's copy for `data`; it is made if need be (see `local_copy`)."""
        return {**settings, "data": str(local_copy(Path(settings["data"]), self.folder, self.digest))}

    def __str__(self) -> str:
        return f"{self.size / 2**30:.2f} GiB, copied once to each node: {self.folder}"


def staged_data(resources: Resources, store: FeatureStore) -> StagedData | None:
    """The copy that is asked for, if one is; InputError for a folder that is another one in every process."""
    root = resources.stage_data
    if root is None:
        return None
    if not Path(root).is_absolute():
        raise InputError(f"--stage-data must be an absolute path, the same on every node, got {root}.")
    return StagedData(folder_of_copy(root, store.digest), store.digest, size(store.manifest))
