"""SIGTERM and SIGINT as an exception: where it arrives the study ends, and the ledger says how to go on."""

import signal
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interrupted(KeyboardInterrupt):
    """SIGTERM or SIGINT arrived; a BaseException, so that nothing takes it for a failed trial."""


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise Interrupted(signal.Signals(number).name)


def catch_signals() -> None:
    """Turn the first SIGTERM or SIGINT into Interrupted; the study is safe at every moment."""
    for number in SIGNALS:
        signal.signal(number, _interrupt)


def ignore_signals() -> None:
    """Let nothing disturb the last steps of a study that is ending already."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
