"""Folders of data import lower ones only, and can be imported where a system has no POSIX limits."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from trainables.multimodal import data

FOLDER = Path(data.__file__).parent
LAYERS = (
    "limits", "whole_numbers", "modality_names", "splits", "store", "source", "recipes", "media", "tables",
    "adapters", "loading", "preparing", "own_arrays", "own_samples", "generated", "sample", "datasets",
)  # fmt: skip
"""Lowest first."""
BELOW = {
    "trainables.multimodal.errors",
    "trainables.multimodal.supported_system",
    "trainables.multimodal.whole_files",
}
"""What data may import of the project beside itself."""
WITHOUT_POSIX = """
import importlib, sys, warnings
sys.modules.update(resource=None, fcntl=None)
warnings.simplefilter("ignore")  # filelock's, on what it does without fcntl
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def files() -> list[Path]:
    return sorted(FOLDER.rglob("*.py"))


def layer(module: str) -> str:
    """The folder or file of data that a module belongs to."""
    return module.removeprefix(f"{data.__name__}.").partition(".")[0]


def name(file: Path) -> str:
    return ".".join([data.__name__, *file.relative_to(FOLDER).with_suffix("").parts]).removesuffix(
        ".__init__"
    )


def imported(file: Path) -> set[str]:
    nodes = ast.walk(ast.parse(file.read_text()))
    return {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


@pytest.mark.parametrize("file", files(), ids=name)
def test_a_file_imports_its_own_layer_and_lower_ones(file: Path) -> None:
    ours = {module for module in imported(file) if module.startswith("trainables")}
    inside = {module for module in ours if module.startswith(data.__name__)}
    assert ours - inside <= BELOW
    place = LAYERS.index(layer(name(file))) if file.parent != FOLDER or file.stem != "__init__" else 0
    assert all(LAYERS.index(layer(module)) <= place for module in inside)


def test_every_file_can_be_imported_without_posix() -> None:
    command = [sys.executable, "-c", WITHOUT_POSIX, *map(name, files())]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
