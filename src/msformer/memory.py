"""Memory that is freed stays with the process, so that the next step finds its pages mapped."""

from __future__ import annotations

import ctypes
import functools
import logging
import platform

logger = logging.getLogger(__name__)

_MMAP_MAX, _TRIM_THRESHOLD, _TOP_PAD = -4, -1, -2
"""Parameters of glibc's ``mallopt``, from its malloc.h."""
_GROWTH = 64 * 2**20


@functools.cache
def keep_freed_memory() -> None:
    """Tell the C library to keep what is freed instead of giving it back to the system at once; once a process.

    A step allocates and frees the same sizes again and again, and fresh pages cost more than the arithmetic on them
    (half of the released code's time is spent in the kernel). The process does not grow over its peak by this. Does
    nothing where the C library is not glibc.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError) as error:
        logger.debug("mallopt: %s", error)
        return
    mallopt(_MMAP_MAX, 0)  # large arrays too come from the heap, which is kept
    mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(_TOP_PAD, _GROWTH)
