import shlex

import pytest

from study.running.versions import LIBRARIES, command, versions


def test_every_library_has_its_version() -> None:
    found = versions()
    assert found.keys() == {"study", "python", *LIBRARIES}
    assert all(version[0].isdigit() for version in found.values())


@pytest.mark.parametrize("given", [["--storage", "{}"], ["--storage={}"]])
def test_a_command_is_kept_without_logins(given) -> None:
    address = "postgresql://anna:secret@host/studies?password=secret"
    kept = command(["ravdess_dr", *(part.format(address) for part in given), "--set", "lam=3"])
    assert "secret" not in kept
    shown = [part.format("postgresql://anna:***@host/studies") for part in given]
    assert shlex.split(kept) == ["python", "-m", "study.run", "ravdess_dr", *shown, "--set", "lam=3"]
