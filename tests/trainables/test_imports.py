import subprocess
import sys

import pytest

import trainables


@pytest.mark.parametrize("module", ["trainables", "trainables.multimodal.train"])
def test_importing_the_trainer_never_imports_ray(module):
    check = f"import sys, {module}; sys.exit(bool({{'ray', 'mlflow', 'optuna'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_the_trainables_are_found_by_name():
    names = [getattr(trainables, name).__name__ for name in trainables.__all__]
    assert names == trainables.__all__


def test_the_trainables_are_listed():
    assert set(trainables.__all__) <= set(dir(trainables))


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'NoTrainable'"):
        trainables.NoTrainable  # noqa: B018
