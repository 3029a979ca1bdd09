"""Logins of addresses are nowhere shown."""

import pytest

from study.records.addresses import shown, without_secrets


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
    ],
)
def test_an_address_is_shown_without_its_secrets(address, expected):
    assert shown(address) == expected


def test_a_message_loses_the_secret_in_either_spelling():
    address = "postgresql://alice:S%40CRET@h/d?token=T1"
    said = without_secrets("no login with S@CRET or S%40CRET (token=T1)", address)
    assert said == "no login with *** or *** (***)"


def test_a_message_about_an_address_without_secrets_stays_as_it_is():
    assert without_secrets("refused by host", "http://host") == "refused by host"
