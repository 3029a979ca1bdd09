"""A new method by the steps of the balancers' README, in a copy of the project: nothing else is edited."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STEPS = ROOT / "trainables" / "multimodal" / "balancers" / "README.md"
MOST_FILES, MOST_LINES = 4, 3
STUDY = """
from study.api import run_study
from study.settings import Budget
from study.studies import Study

study = Study(
    "features",
    ("joint", "equal_gradients"),
    Budget(epochs=4, trials=6, seeds=1, finalists=0),  # published values four times, then two draws
    {"hidden": 8},
    {"equal_gradients": {"share": (0.0, 1.0)}},
)
print(run_study(study, data="store", name="toy").code)
"""


def blocks():
    """Code blocks of the steps: (place named in the first line, the rest)."""
    text = STEPS.read_text().partition("## Add a method")[2]
    return re.findall(r"```python\n# ([^\n]+)\n(.*?)```", text, re.DOTALL)


def insert(path, table, code):
    """Put imports above the first import and a line at the end of a table, as the steps say."""
    imports = re.findall(r"^from .*\n", code, re.MULTILINE)
    line = re.sub(r"^from .*\n", "", code, flags=re.MULTILINE).strip("\n")
    text = path.read_text()
    first = re.search(r"^(from|import) ", text, re.MULTILINE).start()
    if table:
        begin = re.search(rf"^{table}: .*= {{$", text, re.MULTILINE).end()
        end = text.index("\n}\n", begin)
        text = f"{text[:end]}\n{line}{text[end:]}"
    path.write_text(text[:first] + "".join(imports) + text[first:])


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The project with the method of the steps."""
    root = tmp_path_factory.mktemp("copy")
    for folder in ("study", "trainables", "search_spaces", "tests"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    for place, code in blocks():
        edited = re.fullmatch(r"in (?:(\w+) of )?(\S+)", place)
        if edited:
            insert(root / edited[2], edited[1], code)
        else:
            assert not (root / place).exists()
            (root / place).write_text(code)
    return root


def run(root, *arguments):
    """Run Python in the copy; gives what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(root), "RAY_ADDRESS": "local"}
    ended = subprocess.run(
        [sys.executable, *arguments], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_the_steps_are_few():
    places = [place for place, _ in blocks()]
    assert len([place for place in places if not place.startswith("in ")]) <= MOST_FILES
    assert len([place for place in places if place.startswith("in ")]) <= MOST_LINES


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_contract_and_its_own_test_run_with_it(copy):
    tests = ["test_contract.py", "test_equal_gradients.py"]
    paths = [f"tests/trainables/multimodal/balancers/{name}" for name in tests]
    printed = run(copy, "-m", "pytest", "-q", "-n", "0", "-k", "equal_gradients", *paths)
    assert int(re.search(r"(\d+) passed", printed)[1]) > 10


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_it_trains_by_command_and_a_study_with_it_is_reported(copy, make_toy_store):
    store = make_toy_store(copy)
    shutil.copytree(store, copy / "store", copy_function=shutil.copy2)
    train = ["-m", "trainables.multimodal.train", "--data", "store", "--epochs", "3"]
    assert "gradient_norm" in run(copy, *train, "--balancer", "equal_gradients", "--set", "share=1.0")
    assert run(copy, "-c", STUDY).splitlines()[-1] == "0"
    page = (copy / "results" / "toy" / "report.html").read_text()
    assert "Equal gradients" in page
    assert "s: how far gradients go towards the mean norm" in page
    assert "Equal gradients at s\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}0 is joint training" in page
