"""Addresses of servers and databases, whose logins are used and nowhere shown."""

import os
import re
from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from trainables.multimodal.errors import InputError

HIDDEN: Final = "***"
IN_ENVIRONMENT: Final = (
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "DATABRICKS_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "RAY_AUTH_TOKEN",
    "PGPASSWORD",
    "MYSQL_PWD",
)
"""Variables from which MLflow, its stores of artifacts, Ray and databases read secrets."""
_LOGIN: Final = re.compile(r"((?:^|://)[^\s/?#:@]*):(?!//)(.*)@", re.DOTALL)
"""User and password of an address, which ends where the last @ stands: not all libraries insist on %40."""
_LOGIN_IN_TEXT: Final = re.compile(r"(://[^\s/?#:@]*):\S*@")
_NAME: Final = r"[\w-]*(?:password|passwd|pwd|token|secret|signature|(?:api|access)_?key)"
_FIELD: Final = re.compile(rf"\b({_NAME})(\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&;,]+)", re.IGNORECASE)
"""`password=...` as queries of addresses and connection strings of PostgreSQL have it."""


def split(address: str) -> SplitResult:
    """The parts of an address; InputError, which does not repeat it, where it is none."""
    try:
        return urlsplit(address)
    except ValueError:  # whose text may hold the login
        raise InputError("an address cannot be read: check --tracking-uri and --storage") from None


def shown(address: str) -> str:
    """The address as it may be printed and kept: without password, and without what follows a `?`."""
    return without_secrets(_LOGIN.sub(rf"\1:{HIDDEN}@", address)).partition("?")[0]


def without_secrets(text: str, *addresses: str) -> str:
    """A message in which a library may have put an address, or the words of a login.

    Hidden are passwords in addresses, fields that are called so, and wherever they stand the secrets of
    `addresses` and of the environment.
    """
    secrets = {os.environ.get(name, "") for name in IN_ENVIRONMENT}
    for address in addresses:
        secrets |= _secrets(address)
    for secret in sorted(secrets - {""}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _FIELD.sub(rf"\1\2{HIDDEN}", _LOGIN_IN_TEXT.sub(rf"\1:{HIDDEN}@", text))


def reason(error: BaseException, address: str) -> str:
    """The first line of an error, in which libraries name the cause, or its type; without secrets."""
    return without_secrets((str(error).strip() or type(error).__name__).splitlines()[0], address)


def _secrets(address: str) -> set[str]:
    """What an address holds that must not be shown, in every spelling that a library may choose."""
    login, query = _LOGIN.search(address), address.partition("?")[2]
    plain = {value for name, value in parse_qsl(query) if re.fullmatch(_NAME, name, re.IGNORECASE)}
    plain |= {field[2].strip("'") for field in _FIELD.findall(address)} | {query}
    if login:
        plain |= {login[2], login[2].partition("@")[0]}
    plain |= {unquote(secret) for secret in plain}
    return plain | {quote(secret, safe="") for secret in plain}
