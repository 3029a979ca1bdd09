"""Which MLflow shows a study, and whether it answers; asked before mlflow, which takes seconds to import."""

import http.client
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from trainables.multimodal.errors import InputError


@dataclass(frozen=True)
class Target:
    """Where the study is shown."""

    uri: str
    experiment: str
    artifacts: Path  # artifact root of a database store; a server keeps its own


def check_reachable(uri: str) -> None:
    """Ask a tracking server for its health before any work starts; databases are opened later.

    Raises:
        InputError: The server does not answer within ten seconds.

    """
    if not uri.startswith(("http://", "https://")):
        return
    try:
        health = f"{uri.rstrip('/')}/health"
        with urllib.request.urlopen(health, timeout=10):  # noqa: S310  (scheme checked above)
            return
    except urllib.error.HTTPError:
        return  # it answers; a server behind a login may refuse this page and take runs
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise InputError(
            f"the MLflow server at {uri} does not answer ({error}): start it, or leave out --tracking-uri "
            "to track into a database below --results."
        ) from error
