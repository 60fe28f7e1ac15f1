"""Files as TensorFlow reads them: local, on `s3://` or on `gs://`."""

import ctypes
import functools
import os

import tensorflow as tf


def is_remote(path):
    """Whether a path is a URL such as `s3://bucket/folder`."""
    return "://" in str(path)


def join(folder, name):
    """Path of a file in a folder, as str."""
    return f"{str(folder).rstrip('/')}/{name}" if is_remote(folder) else os.path.join(folder, name)


def folder_name(path):
    """Name of a folder without the folders around it."""
    return os.path.basename(
        str(path).rstrip("/") if is_remote(path) else os.path.realpath(os.fspath(path))
    )


def is_folder(path):
    """Whether there is such a folder; on S3 one with something in it."""
    return checked(tf.io.gfile.isdir, path)


def exists(path):
    """Whether there is such a file or folder."""
    return checked(tf.io.gfile.exists, path)


def file_size(path):
    """Length of a file in bytes."""
    return checked(tf.io.gfile.stat, path).length


def read_bytes(path, offset=0, length=-1):
    """Reads `length` bytes of a file from `offset` on, by default all; fewer where it ends."""

    def read(path):
        with tf.io.gfile.GFile(path, "rb") as file:
            left = max(file.size() - offset, 0)
            file.seek(min(offset, file.size()))
            return file.read(left if length < 0 else min(length, left))

    return checked(read, path)


def checked(function, path):
    """Calls a function of `tf.io.gfile` with a path.

    The file systems of S3 and Google Cloud Storage try again by themselves, for a minute or
    so, where a server fails.

    Args:
        function: called with the path.
        path: local or a URL; `open_store` is called for it first.

    Returns:
        What the function returns.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: the file can't be read; names it and the reason.
    """
    path = os.fspath(path)
    open_store(path)
    try:
        return function(path)
    except tf.errors.NotFoundError as error:
        raise FileNotFoundError(f"There is no such file. Received: {path}") from error
    except tf.errors.OpError as error:
        reason = error.message.strip().split("\n")[0] or type(error).__name__
        raise OSError(f"It can't be read ({reason}). Received: {path}") from error


def open_store(path):
    """Makes TensorFlow know the kind of store that a path lies in.

    `gs://` it knows. For `s3://` it takes tensorflow-io, with the environment variables of the
    AWS SDK: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, and `S3_ENDPOINT` for
    another server than Amazon's.

    Args:
        path: a path or URL.

    Raises:
        ValueError: `S3_ENDPOINT` is no URL.
        OSError: tensorflow-io is missing or has no native code for this TensorFlow.
    """
    if str(path).startswith("s3://"):
        _open_s3()


@functools.cache
def _open_s3():
    endpoint = os.environ.get("S3_ENDPOINT", "")
    if endpoint and not endpoint.startswith(("http://", "https://")):
        raise ValueError(
            "S3_ENDPOINT must be a URL such as http://localhost:9000. "
            f"Received: S3_ENDPOINT={endpoint!r}"
        )
    try:
        import tensorflow_io  # noqa: F401  (it registers the file system)

        known = "s3" in tf.io.gfile.get_registered_schemes()
    except (ImportError, NotImplementedError) as error:
        raise OSError(f"s3:// needs tensorflow-io, which can't be loaded: {error}") from error
    if not known:
        raise OSError("s3:// needs a tensorflow-io that fits this TensorFlow; it has no s3 here")
    _leave_without_destructors()


def _leave_without_destructors():
    """Lets the process end before the AWS SDK's destructors, which abort it.

    The C library calls `_exit` with the exit status of the process. That is after Python has shut
    down, so what it had to write is written.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "on_exit"):  # glibc
        libc.on_exit(ctypes.cast(libc._exit, ctypes.c_void_p), None)
