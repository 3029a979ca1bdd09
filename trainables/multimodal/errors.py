"""What can go wrong: input that a user can correct, a run that diverges, a damaged checkpoint."""


class InputError(ValueError):
    """Bad input: the message is one sentence that says what is wrong and what to do about it."""


class Diverged(ArithmeticError):  # noqa: N818  (what happened to a run, not a mistake)
    """Training left the finite numbers: the message names what became infinite or NaN, and when."""


class CheckpointError(RuntimeError):
    """A checkpoint is damaged or not one of ours; an older one may still be good."""
