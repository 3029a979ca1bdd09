"""Hashing a whole store, and comparing a store with the source it should have been made from."""

from pathlib import Path

from trainables.multimodal.data.preparing.writer import stored_samples
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store import manifest as manifests
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.errors import InputError


def verify(folder: str | Path) -> FeatureStore:
    """Hash every file and recompute the digest; a whole store whose times differ (a copy) gets them recorded.

    Raises InputError: a file is missing or damaged, or the digest is not that of the data.
    """
    path = Path(folder).resolve()
    manifest = manifests.read(path)
    if damaged := manifests.damaged_files(path, manifest):
        raise InputError(f"{path} is damaged ({', '.join(damaged)}): prepare it again")
    store = FeatureStore.mapped(path, manifest)
    digest = manifests.data_digest(manifest, (sample.digest() for sample in stored_samples(store)))
    if digest != manifest["digest"]:
        raise InputError(
            f"{path / manifests.FILE} was changed (its digest is not that of the data): prepare it again"
        )
    _record_times(path, store)
    return store


def require_made_from(folder: Path, source: Source) -> FeatureStore:
    """The store in `folder` if it was made from these very files with this recipe; otherwise InputError."""
    store = FeatureStore.open(folder)
    expected = {
        "dataset": source.name,
        "recipe": source.recipe,
        "default_split": source.default_split,
        "sources": manifests.checksums(source.root, source.files),
        "leave_out": sorted(source.leave_out),
    }
    for key, value in expected.items():
        if {"leave_out": [], **store.manifest}[key] != value:
            raise InputError(
                f"{folder} holds another store (its {key} differs): remove it or choose another --out"
            )
    return store


def _record_times(path: Path, store: FeatureStore) -> None:
    files = [manifests.describe(path / entry["name"]) for entry in store.manifest["files"]]
    if files != store.manifest["files"]:
        store.manifest["files"] = files
        manifests.write(path, store.manifest)
