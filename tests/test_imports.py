"""The import graph: no circles, and no folder that imports one above it.

Imports inside functions and under TYPE_CHECKING count: a reader meets them too.
"""

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("trainables", "search_spaces", "study")
TRAINER_LAYERS = (
    ("errors", "whole_files", "supported_system", "collector"),
    ("setting_checks", "command_line", "checkpoint", "data"),
    ("own_parts",),
    ("networks",),
    ("clustering", "compiling", "optimizers", "schedules"),
    ("metrics", "diagnostics", "contributions", "model", "model_copy", "class_loss"),
    ("tasks",),
    ("config",),
    ("runtime", "flat_settings", "optimization"),
    ("frozen_probes",),
    ("evaluation",),
    ("feature_sample",),
    ("balancers",),
    ("assembly",),
    ("trainer",),
    ("methods",),
    ("train",),
)
"""Files and folders of trainables/multimodal from the bottom up; each imports itself and what is below."""
STUDY_LAYERS = (
    ("methods", "cluster", "recipe_wording"),
    ("settings",),
    ("studies", "records"),
    ("hand_set", "paper_recipes", "analysis"),
    ("request", "reporting"),
    ("running",),
    ("api", "replaying", "prepare_wording", "run_options", "study_list"),
    ("run", "report", "prepare", "replay", "ui"),
    ("__main__",),
)
"""The same of study/."""
LAYERS = {"trainables.multimodal": TRAINER_LAYERS, "study": STUDY_LAYERS}


def modules():
    """File of each module of the project, by full name; a package is its __init__."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    }


MODULES = modules()


def imported(name, files):
    """Modules among `files` that one of them imports, wherever in its text."""
    found = set()
    for node in ast.walk(ast.parse(files[name].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name} imports by a relative path"
            found |= {
                full if (full := f"{node.module}.{alias.name}") in files else node.module
                for alias in node.names
            }
    return (found & files.keys()) - {name}


@cache
def graph():
    """What each module imports of the others; read when a test asks, not when tests are collected."""
    return {name: imported(name, MODULES) for name in MODULES}


def circle(imports):
    """A circle of a graph, or none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return " <- ".join(error.args[1])
    return None


def layer(package, module):
    """Name and height of what holds a module of a package."""
    part = module.removeprefix(f"{package}.").split(".")[0]
    heights = [height for height, names in enumerate(LAYERS[package]) if part in names]
    assert heights, f"{part} stands in no layer of {package}: say in LAYERS what it may import"
    return part, heights[0]


def test_no_modules_import_each_other_in_a_circle():
    assert circle(graph()) is None


def test_a_circle_would_be_seen():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) is not None


def test_an_import_of_a_type_alone_is_seen(tmp_path):
    under = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p.b import B\n"
    (tmp_path / "a.py").write_text(f"{under}def inside():\n    import p.c\n")
    files = dict.fromkeys(("p.a", "p.b", "p.c"), tmp_path / "a.py")
    assert imported("p.a", files) == {"p.b", "p.c"}


INSIDE = [(package, name) for package in LAYERS for name in sorted(MODULES) if name.startswith(f"{package}.")]


@pytest.mark.parametrize(("package", "name"), INSIDE, ids=[name for _, name in INSIDE])
def test_nothing_imports_what_stands_above_it(package, name):
    part, height = layer(package, name)
    above = []
    for other in (other for other in graph()[name] if other.startswith(f"{package}.")):
        other_part, other_height = layer(package, other)
        if other_part != part and other_height >= height:
            above.append(other)
    assert above == []
