import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WINDOWS = """
import argparse, ast, importlib  # what Python itself would load by name of the system is loaded before
import sys
sys.platform = "win32"
sys.modules.update(fcntl=None, resource=None)
"""


@pytest.fixture
def on_windows(tmp_path):
    """Runs Python with some arguments as if on Windows: its name, and no module that it lacks."""
    (tmp_path / "sitecustomize.py").write_text(WINDOWS)
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}

    def run(*arguments):
        command = [sys.executable, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "study.run", "--list"],
        ["-m", "study.prepare", "--help"],
        ["-m", "study.report", "ravdess_dr"],
        ["-m", "trainables.multimodal.train", "--help"],
        ["-m", "study", "run", "--list"],
        ["-c", "from study.__main__ import main; raise SystemExit(main())"],  # the installed script
    ],
    ids=" ".join,
)
def test_a_command_says_one_sentence_on_windows(on_windows, command):
    ended = on_windows(*command)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "Linux is supported; on Windows use WSL 2.\n"


def test_importing_the_packages_ends_nothing_on_windows(on_windows):
    ended = on_windows("-c", "import study, trainables, trainables.multimodal")
    assert ended.returncode == 0, ended.stderr
