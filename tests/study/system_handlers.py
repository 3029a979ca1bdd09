"""The handler of a signal as the system has it: a library's own replaces it, and Python does not know."""

import ctypes


def system_handler(number):
    """Address of the function that the system calls at a signal."""
    action = ctypes.create_string_buffer(256)  # longer than a struct sigaction, which begins with it
    assert ctypes.CDLL(None).sigaction(number, None, action) == 0
    return ctypes.c_void_p.from_buffer(action).value
