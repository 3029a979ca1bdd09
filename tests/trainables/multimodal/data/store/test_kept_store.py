"""A store of an earlier version opens, and is what its digest says."""

import shutil
from pathlib import Path

from trainables.multimodal.data.preparing.verify import verify
from trainables.multimodal.data.store.feature_store import FeatureStore

KEPT = Path(__file__).parents[4] / "kept_formats" / "store"


def test_a_store_of_an_earlier_version_is_whole_and_opens(tmp_path: Path) -> None:
    folder = shutil.copytree(KEPT, tmp_path / "store")
    assert verify(folder).digest == "31251e96acf262c8ce617354b8b8bfdc402505fd21b8cfb0cda2af19f6fbcae3"
    store = FeatureStore.open(folder)
    assert sum(map(len, store.split().values())) <= len(store)
