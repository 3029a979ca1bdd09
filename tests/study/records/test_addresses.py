"""Logins of addresses are nowhere shown."""

import pytest
import requests

from study.records.addresses import reason, shown, without_secrets


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://alice:SECRET@host:5000/path", "http://alice:***@host:5000/path"),
        ("https://alice:S%40C@host", "https://alice:***@host"),
        ("http://alice@host", "http://alice@host"),
        ("http://host:5000", "http://host:5000"),
        (
            "postgresql+psycopg://alice:SECRET@h/d?sslmode=require&password=S2",
            "postgresql+psycopg://alice:***@h/d",
        ),
        ("mysql://:SECRET@h/d", "mysql://:***@h/d"),
        ("sqlite:////a b/mlflow.db", "sqlite:////a b/mlflow.db"),
        ("http://a:b@c@host", "http://a:***@host"),
        ("./mlruns", "./mlruns"),
        ("postgresql://alice:SE/CR?ET#@h/d", "postgresql://alice:***@h/d"),
        ("alice:SECRET@h/d", "alice:***@h/d"),
        ("host=h user=alice password='SE CRET' port=1", "host=h user=alice password=*** port=1"),
        ("sqlite:////a:b@c/mlflow.db", "sqlite:////a:b@c/mlflow.db"),
        ("journal:///a:b@c/ledger.log", "journal:///a:b@c/ledger.log"),
    ],
)
def test_an_address_is_shown_without_its_secrets(address, expected):
    assert shown(address) == expected


def test_a_message_loses_the_secret_in_either_spelling():
    address = "postgresql://alice:S%40CRET@h/d?token=T1"
    said = without_secrets("no login with S@CRET or S%40CRET (token=T1)", address)
    assert said == "no login with *** or *** (***)"


@pytest.mark.parametrize("spelling", ["S@C~RET", "S%40C~RET", "S%40C%7ERET"])
def test_a_message_loses_a_secret_that_a_library_has_spelt_anew(spelling):
    assert without_secrets(f"no login with {spelling}", "http://alice:S%40C%7ERET@h") == "no login with ***"


def test_a_message_loses_logins_of_addresses_that_nobody_named():
    said = "401 for url: http://alice:SECRET@h/a?token=T1&page=2 and token = T2, max_tokens=64"
    left = "401 for url: http://alice:***@h/a?token=***&page=2 and token = ***, max_tokens=64"
    assert without_secrets(said) == left


def test_a_message_loses_what_the_environment_keeps_secret(monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "SECRET")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "")
    assert without_secrets("no login with SECRET") == "no login with ***"


def test_the_reason_of_an_error_is_its_first_line_without_secrets():
    error = requests.HTTPError("401 for url: http://alice:SECRET@h/a\nmore of SECRET")
    assert reason(error, "http://alice:SECRET@h") == "401 for url: http://alice:***@h/a"


def test_a_message_about_an_address_without_secrets_stays_as_it_is():
    assert without_secrets("refused by host", "http://host") == "refused by host"
