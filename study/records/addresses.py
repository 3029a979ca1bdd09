"""Addresses of servers and databases, whose logins are used and nowhere shown."""

from urllib.parse import SplitResult, unquote, urlsplit

from trainables.multimodal.errors import InputError

HIDDEN = "***"


def split(address: str) -> SplitResult:
    """The parts of an address; InputError, which does not repeat it, where it is none."""
    try:
        return urlsplit(address)
    except ValueError:  # whose text may hold the login
        raise InputError("an address cannot be read: check --tracking-uri and --storage") from None


def shown(address: str) -> str:
    """The address as it may be printed and kept: without password, and without what follows a `?`."""
    parts = split(address)
    login, at, host = parts.netloc.rpartition("@")
    user, colon, _ = login.partition(":")
    hidden = f"{user}{colon}{HIDDEN if colon else ''}{at}{host}"
    plain = address.partition("?")[0]
    return plain.replace(parts.netloc, hidden, 1) if at else plain


def without_secrets(text: str, address: str) -> str:
    """A message about the address, in which a library may have put all of it."""
    parts = split(address)
    secrets = {parts.query, parts.password or ""}
    for secret in sorted(secrets | {unquote(secret) for secret in secrets}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN) if secret else text
    return text


def reason(error: BaseException, address: str) -> str:
    """The first line of an error, in which libraries name the cause, or its type; without secrets."""
    return without_secrets((str(error).strip() or type(error).__name__).splitlines()[0], address)
