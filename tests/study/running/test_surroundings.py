"""Errors of the surroundings are told from those of a trial, and those that last from those that pass."""

import pytest
from optuna.exceptions import StorageInternalError

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


def test_a_full_disk_is_named_where_optuna_speaks_of_data_that_are_too_long():
    error = StorageInternalError("An exception is raised during the commit.\ne.g. exceeding max length.")
    assert last_line(error) == "e.g. exceeding max length."
    error.__cause__ = OSError("(sqlite3.OperationalError) database or disk is full\n[SQL: UPDATE]")
    assert last_line(error) == "database or disk is full"
    assert last_line(RuntimeError(f"{error.__cause__}\n{error}")) == "database or disk is full"
