"""Files in local folders, on `s3://`, `gs://`, and wherever else Apache Beam has a file system.

Paths are str; folders of remote paths are what comes before a `/`. All of S3 goes through boto3,
with the credentials and the endpoint of AWS's own tools (`AWS_ACCESS_KEY_ID`, `AWS_REGION`,
`AWS_ENDPOINT_URL`, ...; `S3_ENDPOINT` where they name none). Google Cloud Storage is read by
TensorFlow and, like all other stores, listed and written by Apache Beam.
"""

import contextlib
import errno
import functools
import heapq
import os
import pathlib
import shutil
import tempfile
import threading

from rstg_tf import files


def is_remote(path):
    """Returns whether `path` is a URL as `s3://bucket/folder`."""
    return "://" in str(path)


def join(folder, *names):
    """Returns the path of what is called `names` in `folder`; a URL stands for itself."""
    if is_remote(names[-1]):
        return names[-1]
    if not is_remote(folder):
        return os.path.join(folder, *names)
    return "/".join([str(folder).rstrip("/"), *names])


def folder_name(path):
    """Returns the name of a folder without the folders around it."""
    return os.path.basename(
        str(path).rstrip("/") if is_remote(path) else os.path.realpath(os.fspath(path))
    )


def is_folder(path):
    """Returns whether there is such a folder; in a store, one with something in it."""
    return _system(path).is_folder(path)


def read(path, offset=0, length=None):
    """Returns `length` bytes of a file from `offset` on, by default all; fewer if it ends before.

    Raises FileNotFoundError if there is none, another OSError if it can't be read.
    """
    return _system(path).read(path, offset, length)


def size(path):
    """Returns the length of a file in bytes, or None where there is none."""
    return _system(path).size(path)


def fingerprint(path):
    """Returns text that changes when a remote file does: S3's ETag, else Beam's checksum.

    It is None if there is no such file.
    """
    return _system(path).fingerprint(path)


def list_files(folder, below=True, skip=None):
    """Returns the sorted relative paths of the files in a folder and, if `below`, in those below.

    A missing folder has none. Each real folder is listed once, under its own name if that is below
    `folder`, else under that of the first link; links to folders around `folder` are not followed.
    Files and folders for whose name `skip` is true are left out, with all that is in them.
    """
    skip = skip or (lambda name: False)
    if not is_remote(folder):
        return sorted(_local_files(os.fspath(folder), below, skip))
    return sorted(
        {
            path
            for path in _system(folder).list_files(folder, below)
            if not any(map(skip, path.split("/")))
        }
    )


def remove_folder(folder):
    """Removes a folder and all that is in it, if it is there."""
    if not is_remote(folder):
        shutil.rmtree(folder, ignore_errors=True)
        return
    for name in list_files(folder):
        _system(folder).remove(join(folder, name))


@contextlib.contextmanager
def written_whole(path):
    """Yields a local `pathlib.Path` to write to, which becomes `path` only at the end.

    Missing folders are made.
    """
    if not is_remote(path):
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
        with files.written_whole(path) as part:
            yield part
        return
    with _local_part(path) as part:
        yield part
        _system(path).upload(part, path)


@contextlib.contextmanager
def local_copy(path):
    """Gives the local path of a file, which of a remote one is a copy that goes at the end."""
    if not is_remote(path):
        yield pathlib.Path(path)
        return
    with _local_part(path) as copy:
        _system(path).download(path, copy)
        yield copy


@contextlib.contextmanager
def _local_part(path):
    """Gives a path in a folder for a while, for what goes to or comes from a URL."""
    try:
        folder = tempfile.mkdtemp()
    except OSError as error:  # None of the folders that Python tries can be written to.
        raise OSError(
            f"A folder for files on their way can't be made ({error.strerror or error}); TMPDIR "
            f"names it. Received: {path}"
        ) from error
    try:
        yield pathlib.Path(folder, path.rsplit("/", 1)[-1])
    except OSError as error:
        if error.filename is not None or error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise OSError(error.errno, f"The disk is full ({path} is on its way)", folder) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _local_files(folder, below, skip):
    """Yields what `list_files` returns: real folders first, then what links lead to."""
    if not os.path.isdir(folder):
        return
    above = _folders_above(folder)
    listed, real, links = set(), [""], []
    while real or links:
        inside = heapq.heappop(real or links)  # In the order of names, whatever the disk's is.
        path = os.path.join(folder, inside)
        with contextlib.suppress(FileNotFoundError):  # Somebody removes it just now.
            found = os.stat(path)
            key = found.st_dev, found.st_ino
            if key in listed or (inside and key in above):
                continue
            listed.add(key)
            with os.scandir(path) as entries:
                for entry in entries:
                    name = os.path.join(inside, entry.name)
                    if skip(entry.name):
                        continue
                    if not _is_folder(entry):
                        if _is_file(entry):
                            yield name
                    elif below:
                        heapq.heappush(links if entry.is_symlink() else real, name)


def _is_folder(entry):
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()


def _is_file(entry):
    """Whether it can be read or, as a link to nothing, be told; pipes would wait for ever."""
    if entry.is_symlink():
        return os.path.isfile(entry.path) or not os.path.exists(entry.path)
    return entry.is_file()


def _folders_above(folder):
    path, above = os.path.realpath(folder), set()
    while path != os.path.dirname(path):
        path = os.path.dirname(path)
        found = os.stat(path)
        above.add((found.st_dev, found.st_ino))
    return above


def _system(path):
    if not is_remote(path):
        return _Local
    return {"s3": _S3, "gs": _GoogleCloud}.get(str(path).split("://")[0], _Beam)


class _Local:
    is_folder = staticmethod(os.path.isdir)

    @staticmethod
    def read(path, offset, length):
        with open(path, "rb", buffering=0) as file:
            return _part_of(file, offset, length)

    @staticmethod
    def size(path):
        return os.path.getsize(path) if os.path.isfile(path) else None


class _S3:
    """By boto3 itself: Beam's file system makes a new client, half a second, for every file."""

    @staticmethod
    def is_folder(path):
        try:
            return next(_S3.list_files(path, below=True), None) is not None
        except OSError as error:
            if _code(error.__cause__) == "NoSuchBucket":
                return False
            raise

    @staticmethod
    def read(path, offset, length):
        from botocore.exceptions import BotoCoreError, ClientError

        end = "" if length is None else offset + length - 1
        part = {"Range": f"bytes={offset}-{end}"} if offset or length else {}
        with _s3(path) as client:
            for attempts_left in reversed(range(_READS)):
                try:
                    return client.get_object(**_bucket_and_key(path), **part)["Body"].read()
                except ClientError as error:
                    if _code(error) == "InvalidRange":
                        return b""  # It ends before.
                    raise
                except BotoCoreError:  # The client itself tries requests again, but not bodies.
                    if not attempts_left:
                        raise

    @staticmethod
    def download(path, local):
        place = _bucket_and_key(path)
        with _s3(path) as client:
            client.download_file(place["Bucket"], place["Key"], str(local))

    @staticmethod
    def upload(local, path):
        place = _bucket_and_key(path)
        with _s3(path) as client:
            client.upload_file(str(local), place["Bucket"], place["Key"])

    @staticmethod
    def size(path):
        return _S3._head(path, "ContentLength")

    @staticmethod
    def fingerprint(path):
        return _S3._head(path, "ETag")

    @staticmethod
    def _head(path, field):
        try:
            with _s3(path) as client:
                return client.head_object(**_bucket_and_key(path))[field]
        except FileNotFoundError:
            return None

    @staticmethod
    def list_files(folder, below):
        place = _bucket_and_key(folder.rstrip("/") + "/")
        wanted = {"Bucket": place["Bucket"], "Prefix": place["Key"]}
        if not below:
            wanted["Delimiter"] = "/"
        with _s3(folder) as client:
            pages = client.get_paginator("list_objects_v2")
            for page in pages.paginate(**wanted):
                for found in page.get("Contents", ()):
                    if not found["Key"].endswith("/"):  # What consoles make for empty folders.
                        yield found["Key"].removeprefix(wanted["Prefix"])

    @staticmethod
    def remove(path):
        with _s3(path) as client:
            client.delete_object(**_bucket_and_key(path))


_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "S3_ENDPOINT")
_READS = 3
_lock = threading.Lock()


def _s3_endpoint():
    for name in _ENDPOINTS:
        endpoint = os.environ.get(name)
        if endpoint and not endpoint.startswith(("http://", "https://")):
            raise ValueError(
                f"{name} must be a URL such as http://localhost:9000. Received: {name}={endpoint!r}"
            )
        if endpoint:
            return endpoint
    return None


@functools.cache
def _s3_client():
    """Returns the client of this process, which all threads may use."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=_s3_endpoint(),
        region_name=os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION"),
        config=Config(retries={"mode": "standard", "max_attempts": 8}, max_pool_connections=64),
    )


def _bucket_and_key(path):
    bucket, _, key = str(path).removeprefix("s3://").partition("/")
    return {"Bucket": bucket, "Key": key}


@contextlib.contextmanager
def _s3(path):
    """Gives the client; its errors get the types and the form of those of local files."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    _s3_endpoint()
    try:
        with _lock:
            client = _s3_client()
        yield client
    except ClientError as error:
        if _code(error) in ("404", "NoSuchKey"):
            raise FileNotFoundError(f"There is no such file. Received: {path}") from error
        raise OSError(f"S3 refused ({error}). Received: {path}") from error
    except (Boto3Error, BotoCoreError) as error:
        raise OSError(f"S3 can't be reached or used ({error}). Received: {path}") from error
    except (ResponseParserError, ValueError, LookupError, TypeError) as error:
        raise OSError(f"S3's answer makes no sense ({error!r}). Received: {path}") from error


def _code(error):
    """What S3 calls an error of botocore, or None."""
    return getattr(error, "response", {}).get("Error", {}).get("Code")


class _Beam:
    @staticmethod
    def is_folder(path):
        return next(_Beam.list_files(path, below=True), None) is not None

    @staticmethod
    def read(path, offset, length):
        with _opened(path) as file:
            return _part_of(file, offset, length)

    @staticmethod
    def download(path, local):
        with _opened(path) as file, open(local, "wb") as copy:
            shutil.copyfileobj(file, copy)

    @staticmethod
    def upload(local, path):
        with open(local, "rb") as file, _filesystems().create(path) as copy:
            shutil.copyfileobj(file, copy)

    @staticmethod
    def size(path):
        found = _filesystems().match([path])[0].metadata_list
        return found[0].size_in_bytes if found else None

    @staticmethod
    def fingerprint(path):
        return _filesystems().checksum(path) if _filesystems().exists(path) else None

    @staticmethod
    def list_files(folder, below):
        folder = folder.rstrip("/") + "/"
        pattern = folder + ("**" if below else "*")
        for found in _filesystems().match([pattern])[0].metadata_list:
            yield found.path.removeprefix(folder)

    @staticmethod
    def remove(path):
        _filesystems().delete([path])


class _GoogleCloud(_Beam):
    """Read by TensorFlow, which knows it; to list and write, `apache-beam[gcp]` is needed."""

    @staticmethod
    def is_folder(path):
        return _by_tensorflow("isdir", path)

    @staticmethod
    def read(path, offset, length):
        return _by_tensorflow("read", path, offset, length)

    @staticmethod
    def size(path):
        try:
            return _by_tensorflow("stat", path).length
        except FileNotFoundError:
            return None


def _by_tensorflow(function, path, *arguments):
    """Calls a function of `tf.io.gfile`, or `"read"`; it tries again by itself for a minute."""
    import tensorflow as tf

    try:
        if function != "read":
            return getattr(tf.io.gfile, function)(path)
        with tf.io.gfile.GFile(path, "rb") as file:
            return _part_of(file, *arguments)
    except tf.errors.NotFoundError as error:
        raise FileNotFoundError(f"There is no such file. Received: {path}") from error
    except tf.errors.OpError as error:
        reason = error.message.strip().split("\n")[0] or type(error).__name__
        raise OSError(f"It can't be read ({reason}). Received: {path}") from error


def _part_of(file, offset, length):
    if offset:
        file.seek(offset)
    return file.read(-1 if length is None else length)


def _filesystems():
    from apache_beam.io.filesystems import FileSystems

    return FileSystems


def _opened(path):
    from apache_beam.io.filesystem import CompressionTypes

    if not _filesystems().exists(path):
        raise FileNotFoundError(f"There is no such file. Received: {path}")
    return _filesystems().open(path, compression_type=CompressionTypes.UNCOMPRESSED)
