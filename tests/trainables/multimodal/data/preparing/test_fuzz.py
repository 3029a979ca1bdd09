"""Damaged files end as a store or as a refusal: never as a crash, a hang, or a file outside --out.

Files are cut short or bits in them flipped, differently for each seed, and go through the real functions in
processes of their own (damage.py), since a decoder can end its process.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from trainables.multimodal.data.adapters import features
from trainables.multimodal.data.preparing.writer import write_store

SCRIPT = Path(__file__).with_name("damage.py")
ROOT = Path(__file__).parents[5]
KINDS = ("wav", "flv", "mp4", "mkv", "avi", "mpg", "jpg", "npz", "parquet", "arrow", "manifest")
SEEDS = (range(100), range(100, 200))
"""Of each of the processes that run at once."""
HUNG = 900
"""Seconds after which the process counts as hung, on however busy a machine."""


@pytest.fixture
def source(raw: Path, film: Callable[..., Path], texture: Callable[[int, int], np.ndarray]) -> Path:
    """Clips, films, a picture, tables of features and a store, all in one folder."""
    arrays = {"label": np.arange(40) % 2, "modality:x": np.random.default_rng(0).normal(size=(40, 3))}
    np.savez_compressed(raw / "table.npz", id=np.array([f"clip {row}" for row in range(40)]), **arrays)
    columns = {name: pa.array(array.tolist()) for name, array in arrays.items()}
    pq.write_table(pa.table(columns), raw / "table.parquet")
    pixels = np.random.default_rng(0).integers(256, size=(12, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((96, 64)).save(raw / "picture.jpg")
    moving = np.stack([texture(step, step) for step in range(25)])
    for suffix in ("mp4", "mkv", "avi", "mpg"):
        film(raw / f"film.{suffix}", moving, "mpeg1video" if suffix == "mpg" else "mpeg4")
    write_store(features.read(raw / "table.npz"), raw / "store")
    return raw


def fates(source: Path, kind: str, seeds: range) -> set[tuple[str, str, str]]:
    """Kind, seed, and what became of each damaged file."""
    work = source.parent / f"work-{seeds.start}"
    work.mkdir()
    ended = subprocess.run(
        [sys.executable, SCRIPT, source, work, str(seeds.start), str(seeds.stop), kind],
        capture_output=True,
        text=True,
        timeout=HUNG,
        check=False,
        cwd=work,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert ended.returncode == 0, ended.stderr
    return {(kind, seed, fate) for kind, seed, fate in map(str.split, ended.stdout.splitlines())}


@pytest.mark.slow
@pytest.mark.timeout(HUNG + 60)
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_used_or_refused(kind: str, source: Path) -> None:
    before = {*source.parent.iterdir(), *(source.parent / f"work-{seeds.start}" for seeds in SEEDS)}
    with ThreadPoolExecutor(len(SEEDS)) as processes:
        found = set().union(*processes.map(partial(fates, source, kind), SEEDS))
    assert len(found) == sum(map(len, SEEDS))
    assert "refused" in {fate for _, _, fate in found}
    assert set(source.parent.iterdir()) == before
