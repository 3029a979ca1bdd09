"""Who may import whom."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from study.methods import BASELINE
from trainables.multimodal.methods import METHODS

ROOT = Path(__file__).parents[1]
PACKAGES = ("study", "trainables", "search_spaces")
TOP_LEVEL = {
    *PACKAGES,
    "tests",
    "results",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "CITATION.cff",
    "MANIFEST.in",
    "pyproject.toml",
    "requirements.txt",
}
TRAINER_LIBRARIES = {
    "av",
    "cv2",
    "filelock",
    "numpy",
    "PIL",
    "pyarrow",
    "safetensors",
    "sklearn",
    "soundfile",
    "torch",
    "torchaudio",
    "torchvision",
    "threadpoolctl",
    "transformers",
}


def imports(path):
    """Full names of the modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def files(folder):
    """Python files below a folder of the project."""
    return sorted((ROOT / folder).rglob("*.py"))


def top(path):
    """Top-level packages that a file imports."""
    return {name.split(".")[0] for name in imports(path)}


def test_the_top_level_holds_nothing_unexpected():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a clone: git cannot tell the project's files from others")
    names = {line.split("/")[0] for line in listed.stdout.splitlines()}
    assert {name for name in names if not name.startswith(".")} == TOP_LEVEL


@pytest.mark.parametrize("path", files("trainables/multimodal"), ids=lambda path: path.name)
def test_the_trainer_keeps_to_its_field(path):
    assert top(path) - set(sys.stdlib_module_names) <= TRAINER_LIBRARIES | {"trainables"}
    assert all(n.startswith("trainables.multimodal") for n in imports(path) if n.startswith("trainables"))


@pytest.mark.parametrize("path", sorted((ROOT / "trainables").glob("*.py")), ids=lambda path: path.name)
def test_trainables_import_the_trainer_and_ray_only(path):
    assert not top(path) & {"study", "search_spaces", "mlflow", "optuna"}


@pytest.mark.parametrize("path", files("search_spaces"), ids=lambda path: path.name)
def test_search_spaces_import_ray_only(path):
    assert not top(path) & {"study", "trainables", "mlflow", "optuna", "torch"}


def test_two_files_import_mlflow():
    found = [path.name for package in PACKAGES for path in files(package) if "mlflow" in top(path)]
    assert found == ["mlflow_store.py", "mlflow_tracking.py"]


def test_the_training_loop_knows_no_method():
    found = set(imports(ROOT / "trainables/multimodal/trainer.py"))
    assert {name for name in found if "balancers" in name} == {"trainables.multimodal.balancers.base"}


@pytest.mark.parametrize("path", files("trainables/multimodal/balancers"), ids=lambda path: path.name)
def test_balancers_do_not_import_each_other(path):
    found = {name for name in imports(path) if "balancers." in name}
    shared = ("base", "boosting_math", "blending_math")
    assert found <= {f"trainables.multimodal.balancers.{name}" for name in shared}


@pytest.mark.parametrize("path", files("study/reporting/drawing"), ids=lambda path: path.name)
def test_drawing_computes_nothing(path):
    assert not top(path) & {"numpy", "scipy", "optuna", "sklearn"}


@pytest.mark.parametrize("path", files("study/analysis"), ids=lambda path: path.name)
def test_analysis_knows_no_wording_and_draws_nothing(path):
    assert not top(path) & {"matplotlib", "jinja2"}
    assert not [name for name in imports(path) if name.startswith("study.reporting")]


@pytest.mark.parametrize("path", files("study/reporting/sections"), ids=lambda path: path.name)
def test_sections_do_not_import_each_other(path):
    assert not [name for name in imports(path) if name.startswith("study.reporting.sections")]


NAMES_A_METHOD = {  # and why it may
    "boosting.py": "the section about that method",
    "trial_tables.py": "metrics that are named after it",
}


@pytest.mark.parametrize(
    "path", [*files("study/analysis"), *files("study/reporting")], ids=lambda path: path.name
)
def test_reports_know_no_method_but_the_baseline(path):
    texts = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
    assert path.name in NAMES_A_METHOD or not texts & (METHODS.keys() - {BASELINE})


@pytest.mark.parametrize("path", files("study"), ids=lambda path: path.name)
def test_a_study_locks_by_filelock_alone(path):
    assert not top(path) & {"fcntl", "msvcrt"}
