"""Errors of the surroundings are told from those of a trial, and those that last from those that pass."""

import pytest

from study.running.surroundings import described, last_line, lasts, of_surroundings


@pytest.mark.parametrize(
    ("error", "surroundings", "lasting"),
    [
        (OSError(28, "No space left on device", "/r/x"), True, False),
        (OSError(116, "Stale file handle"), True, False),
        (OSError(30, "Read-only file system", "/r/x"), True, True),
        (OSError(36, "File name too long"), True, True),
        (PermissionError(13, "Permission denied", "/r/x"), True, True),
        (FileNotFoundError(2, "No such file or directory", "/d/store"), True, True),
        (ModuleNotFoundError("No module named 'my_package'"), True, True),
        (ImportError("libGL.so.1: cannot open shared object file"), True, True),
        (ValueError("a setting makes no sense"), False, False),
        (KeyError("x"), False, False),
        (RuntimeError("shapes do not fit"), False, False),
    ],
)
def test_an_error_is_judged_by_how_a_traceback_ends(error, surroundings, lasting):
    assert of_surroundings(described(error)) == surroundings
    assert lasts(described(error)) == lasting


@pytest.mark.parametrize(
    ("error", "line"),
    [(ValueError("first\nthe cause\n"), "the cause"), (ValueError(), "ValueError")],
)
def test_an_error_is_named_by_its_last_line_or_its_type(error, line):
    assert last_line(error) == line
