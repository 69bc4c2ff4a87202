"""Memory that was freed, and that the process still holds."""

import ctypes


def return_freed_memory() -> None:
    """Give what was freed back to the system, where the C library can be asked to (glibc's `malloc_trim`)."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library
        return
    trim(0)
