"""How the C library keeps the memory of videos and batches."""

import ctypes
import functools

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # <malloc.h>


@functools.cache
def keep_freed_memory():
    """Lets glibc keep what is freed for the next videos and batches.

    Otherwise it gives every piece back to the system and gets it anew, page by page, which took a
    quarter of the processor time of the whole input on a virtual machine of 2 cores.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, 2**25)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**28)
