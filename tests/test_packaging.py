"""What is installed: the wheel, the source archive, and what they say of themselves."""

import ast
import email
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

import study

ROOT = Path(__file__).parents[1]
OWN_PARTS = ROOT / "trainables" / "multimodal" / "OWN_PARTS.md"
PACKAGES = ("search_spaces", "study", "trainables")
FILES = ("README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "requirements.txt", "pyproject.toml")
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_{}(sys.argv[1]))"
FOLDERS = sorted({path.parent for package in PACKAGES for path in (ROOT / package).rglob("*.py")})


def build(kind, source, out):
    """The archive that setuptools makes of a source tree."""
    command = [sys.executable, "-c", BUILD.format(kind), str(out)]
    built = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return out / built.stdout.splitlines()[-1]


@pytest.fixture(scope="session")
def sdist(tmp_path_factory):
    """The source archive, unpacked."""
    if int(version("setuptools").split(".")[0]) < 77:
        pytest.skip("setuptools 77 or newer builds this project: install the extra `test`")
    folder = tmp_path_factory.mktemp("sdist")
    (folder / "tree").mkdir()
    for name in (*PACKAGES, "tests", *FILES, "MANIFEST.in"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / "tree" / name)
    with tarfile.open(build("sdist", folder / "tree", folder)) as archive:
        archive.extractall(folder, filter="data")
    return next(folder.glob("balanced_multimodal_study-*/"))


@pytest.fixture(scope="session")
def wheel(sdist, tmp_path_factory):
    """The wheel that the source archive alone gives."""
    with zipfile.ZipFile(build("wheel", sdist, tmp_path_factory.mktemp("wheel"))) as archive:
        yield archive


@pytest.fixture
def metadata(wheel):
    """What the wheel says of itself."""
    name = next(name for name in wheel.namelist() if name.endswith("dist-info/METADATA"))
    return email.message_from_bytes(wheel.read(name))


@pytest.mark.parametrize("name", FILES)
def test_the_source_archive_holds_what_a_build_needs(sdist, name):
    assert (sdist / name).read_bytes() == (ROOT / name).read_bytes()


def test_the_source_archive_holds_no_part_of_the_tests(sdist):
    assert not (sdist / "tests").exists()


def test_the_wheel_holds_all_files_of_the_packages_and_nothing_else(wheel):
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file())
    packaged = {str(path.relative_to(ROOT)) for path in files if path.suffix != ".pyc"}
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == packaged


def test_the_wheel_says_who_made_it_for_which_systems_under_which_licence(metadata):
    assert metadata["Author"] == "The authors"
    assert metadata["License-Expression"] == "MIT"
    assert "Operating System :: POSIX :: Linux" in metadata.get_all("Classifier")
    assert metadata["Keywords"]


def test_the_wheel_has_the_version_that_the_code_says(metadata):
    assert metadata["Version"] == study.__version__


def test_the_wheel_installs_the_command(wheel):
    name = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert b"multimodal-study = study.__main__:main" in wheel.read(name)


@pytest.fixture
def installed(wheel, tmp_path):
    """Runs Python in a folder that is not the clone, where the wheel and nothing of the clone is found."""
    packages, place = tmp_path / "packages", tmp_path / "place"
    place.mkdir()
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
    subprocess.run([*pip, str(packages), wheel.filename], check=True)

    def run(*arguments):
        environment = {**os.environ, "PYTHONPATH": str(packages), "RAY_ADDRESS": "local"}
        ended = subprocess.run(
            [sys.executable, *arguments],
            cwd=place,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    assert run("-c", "import study; print(study.__file__)").startswith(str(packages))
    for name, code in re.findall(r"```python\n# (\w+\.py)\n(.*?)```", OWN_PARTS.read_text(), re.DOTALL):
        (place / name).write_text(code)
    draw, label = np.random.default_rng(0), np.arange(48) % 3
    text = (label[:, None, None] + draw.normal(size=(48, 6, 5))).astype(np.float32)
    np.savez(place / "words.npz", label=label, **{"modality:text": text, "modality:age": text[:, 0]})
    run("-m", "study.prepare", "features", "--source", "words.npz", "--out", "data/words")
    return place, run


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_study_of_own_parts_runs_from_a_folder_that_is_not_the_clone(installed):
    place, run = installed
    code, page = run("my_study.py").splitlines()[-1].split(" ")
    assert code == "0"
    assert "Damped encoders" in Path(page).read_text()
    exported = json.loads((place / "results" / "mine" / "best" / "damped" / "config.json").read_text())
    assert exported["own_parts"].keys() == {"my_nets:GRU", "my_fusion:Gated"}
    loaded = (
        "from trainables.multimodal.model import load_model; print(load_model('results/mine/best/damped'))"
    )
    assert "(gru): GRU" in run("-W", "error", "-c", loaded)
    small = ["--trials", "1", "--epochs", "1", "--seeds", "1", "--finalists", "0", "--folds", "1"]
    own = ["--data", "data/words", "--set", "encoders={'text':'my_nets:GRU'}", "--set", "d_model=8"]
    told = run("-m", "study", "run", "features_dr", *own, "--stages", "search", *small)
    assert "Report:" in told


@pytest.mark.parametrize(
    ("file", "line"),
    [("CHANGELOG.md", r"^## \[(\d[^\]]*)\]"), ("CITATION.cff", r"^version: (\S+)$")],
    ids=["changelog", "citation"],
)
def test_there_is_one_version(file, line):
    written = re.search(line, (ROOT / file).read_text(), re.MULTILINE)
    assert written
    assert written.group(1) == study.__version__


def test_the_project_has_the_version_that_the_code_says():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == study.__version__


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_each_package_says_in_a_sentence_what_it_holds(folder):
    docstring = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    sentence = docstring.partition("\n")[0]
    assert re.fullmatch(r"[A-Z].{10,}\.", sentence), f"{folder / '__init__.py'} begins with {sentence!r}"


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_is_marked_as_typed(package):
    assert (ROOT / package / "py.typed").is_file()
