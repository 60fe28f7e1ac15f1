"""One process at a time: a lock that ends with its process, whatever ends that."""

import contextlib
import errno
import fcntl
import os

_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


@contextlib.contextmanager
def alone(path, on_wait=None):
    """Waits until no other process or thread has the lock, and keeps it for a while.

    On a file system without locks nothing is locked.

    Args:
        path: Small file that stands for the lock; it is made, and removed in the end.
        on_wait: Called once where another has the lock.

    Raises:
        OSError: The file can't be made.
    """
    descriptor = None
    while descriptor is None:
        descriptor = _taken(path, on_wait)
        on_wait = None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)
        os.close(descriptor)


def _taken(path, on_wait):
    """Descriptor of the locked file; None where the one who had the lock removed it."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if on_wait:
                on_wait()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.path.samestat(os.fstat(descriptor), os.stat(path)):
            return descriptor
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return descriptor
        os.close(descriptor)
        raise
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
