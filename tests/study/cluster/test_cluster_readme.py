"""The commands of the page about clusters."""

import re
import subprocess

import pytest
from cluster_files import FOLDER, asked, text

from study.run import STUDIES

BLOCKS = re.findall(r"```bash\n(.*?)```", text("README.md"), re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.replace("\\\n", "").splitlines()]
STUDY = [line.replace("slurm.sh", "slurm.sh study.run") for line in COMMANDS if "cremad_dr" in line]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split()[0])
def test_a_shell_reads_them(block):
    read = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr


@pytest.mark.parametrize("command", STUDY, ids=lambda command: command.split()[0])
def test_those_with_a_study_are_such_as_it_takes(command):
    options = asked(command)
    assert options.name in STUDIES
    assert all(str(place).startswith("/shared/") for place in (options.data, options.results))
    assert options.storage.startswith("journal:///shared/")


def test_each_way_of_starting_is_there():
    assert [command.split()[0] for command in STUDY] == ["sbatch", "ray"]
    assert {f"study/cluster/{path.name}" for path in FOLDER.glob("*.yaml")} <= set(" ".join(COMMANDS).split())
