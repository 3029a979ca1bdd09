"""Addresses of servers and databases, whose logins are used and nowhere shown."""

from urllib.parse import unquote, urlsplit

HIDDEN = "***"


def shown(address: str) -> str:
    """The address as it may be printed and kept: without password, and without what follows a `?`."""
    parts = urlsplit(address)
    login, at, host = parts.netloc.rpartition("@")
    user, colon, _ = login.partition(":")
    hidden = f"{user}{colon}{HIDDEN if colon else ''}{at}{host}"
    plain = address.partition("?")[0]
    return plain.replace(parts.netloc, hidden, 1) if at else plain


def without_secrets(text: str, address: str) -> str:
    """A message about the address, in which a library may have put all of it."""
    parts = urlsplit(address)
    secrets = {parts.query, parts.password or ""}
    for secret in sorted(secrets | {unquote(secret) for secret in secrets}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN) if secret else text
    return text
