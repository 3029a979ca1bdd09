"""The one error for input that a user can correct."""


class InputError(ValueError):
    """Bad input: the message is one sentence that says what is wrong and what to do about it."""
