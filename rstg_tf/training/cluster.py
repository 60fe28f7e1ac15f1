"""The workers of a training on several machines: what TF_CONFIG says of them, and their meeting."""

import contextlib
import logging
import re
import reprlib
import signal
import socket
import threading
import time

from rstg_tf import checked_json
from rstg_tf.text import printable

_LOG = logging.getLogger(__name__)
_EXAMPLE = (
    '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'
)
_FORM = {
    "cluster": {"worker": [str]},
    "task": {"type": str, "index": int},
    checked_json.Optional("rpc_layer"): object,
}
_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.%]+\]|[^\s:/@\[\]]+):([0-9]{1,5})")
_LOST = re.compile(r"Collective ops is aborted|[Cc]oordination ?[Ss]ervice")
_WHOSE = re.compile(r"task:(\d+) heartbeat|remote target /job:worker\S*task:(\d+)")
_PAUSE, _SOON, _NOW_AND_THEN = 0.5, 3, 30  # Seconds.


def read_cluster(text):
    """Reads the value of TF_CONFIG: addresses `"host:port"` of all workers, and this one's number.

    Raises a ValueError that names the part of it that is wrong.
    """
    if not text.strip():
        raise ValueError(
            "multi_worker_mirrored needs the environment variable TF_CONFIG, such as "
            f"{_EXAMPLE}. Received: TF_CONFIG={text!r}"
        )
    try:
        content = checked_json.parse(text, _FORM, "TF_CONFIG", "TF_CONFIG")
    except ValueError as error:
        reason = error.__cause__ or "it is nested too deep"
        raise ValueError(
            f"TF_CONFIG must be JSON, such as {_EXAMPLE} ({reason}). "
            f"Received: TF_CONFIG={reprlib.repr(text)}"
        ) from error
    workers, task = content["cluster"]["worker"], content["task"]
    if set(content["cluster"]) != {"worker"}:
        # Two tasks would be the first of their kind, and write the same files.
        raise ValueError(
            "The cluster of TF_CONFIG must name workers only; the first of them is the chief. "
            f"Received: a cluster of {reprlib.repr(sorted(content['cluster']))}"
        )
    _require(workers, "cluster.worker", "name one worker or more", workers)
    for number, address in enumerate(workers):
        part, match = f"cluster.worker[{number}]", _ADDRESS.fullmatch(address)
        _require(match, part, 'be an address "host:port"', address)
        _require(1 <= int(match[2]) <= 65535, part, "have a port from 1 to 65535", address)
        first = workers.index(address)
        rule = f"differ from cluster.worker[{first}]: every worker has an address of its own"
        _require(first == number, part, rule, address)
    rule = 'be "worker", as all of the cluster are'
    _require(task["type"] == "worker", "task.type", rule, task["type"])
    index = task["index"]
    rule = f"be a number from 0 to {len(workers) - 1}, since TF_CONFIG names {len(workers)} workers"
    _require(0 <= index < len(workers), "task.index", rule, index)
    rpc = content.get("rpc_layer", "grpc")
    _require(rpc == "grpc", "rpc_layer", 'be "grpc" or missing', rpc)
    return workers, index


def meet(workers: list[str], index: int) -> None:
    """Waits until all workers are there, and logs for whom.

    TensorFlow waits without a word and without an ear for signals. So each worker listens here
    first, on the port that TensorFlow will take, until it has reached every other one once, whether
    that one still listens here or TensorFlow does. Raises an OSError where its port is taken.
    """
    # TensorFlow reaches the first worker by its address from that worker, too.
    reasons = {n: "not tried yet" for n in range(len(workers)) if n != index or n == 0}
    stop = threading.Event()
    with _listener(workers[index]) as listener:
        accepting = threading.Thread(target=_accept, args=(listener, stop), daemon=True)
        accepting.start()
        for number in list(reasons):
            arguments = (workers[number], number, reasons, stop)
            threading.Thread(target=_reach, args=arguments, daemon=True).start()
        try:
            _wait(workers, reasons)
        finally:
            stop.set()
            accepting.join()  # While it waits in the socket, the port stays taken.


class WorkerLost(ConnectionError):
    """Another worker ended, so that a training can't continue."""


@contextlib.contextmanager
def told_of_lost_workers(folder):
    """Turns TensorFlow's errors about a worker that ended into a `WorkerLost`, with the folder."""
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as error:
        if not _LOST.search(error.message):
            raise
        task = _WHOSE.search(error.message)
        who = f"Worker {task[1] or task[2]}" if task else "Another worker"
        raise WorkerLost(
            f"{who} ended or can't be reached any more; end the others, too, and start the same "
            f"command on all of them to resume. Received: {folder}"
        ) from error


@contextlib.contextmanager
def default_signals():
    """Lets Ctrl-C and SIGTERM end the process at once, also within TensorFlow's own code."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:
            signal.signal(number, signal.SIG_DFL)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _require(condition, part, rule, received):
    if not condition:
        shown = reprlib.repr(received) if not isinstance(received, str) else repr(received[:200])
        raise ValueError(f"TF_CONFIG is wrong: {part} must {rule}. Received: {part}={shown}")


def _split(address):
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _listener(address):
    port = _split(address)[1]
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    try:
        return socket.create_server(("", port), family=family, backlog=128, dualstack_ipv6=both)
    except OSError as error:
        raise OSError(
            f"TF_CONFIG gives this worker port {port}, where it can't listen "
            f"({error.strerror}). Received: {address}"
        ) from error


def _accept(listener, stop):
    with contextlib.suppress(OSError):  # It was closed.
        listener.settimeout(_PAUSE)
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                listener.accept()[0].close()


def _reach(address, number, reasons, stop):
    while not stop.is_set():
        try:
            socket.create_connection(_split(address), timeout=5).close()
        except (OSError, UnicodeError) as error:
            reasons[number] = getattr(error, "strerror", None) or str(error) or "no answer"
        else:
            del reasons[number]
            return
        time.sleep(_PAUSE)


def _wait(workers, reasons):
    start, due = time.monotonic(), _SOON
    while reasons:
        time.sleep(_PAUSE / 5)
        waited = time.monotonic() - start
        if waited >= due:
            due = waited + _NOW_AND_THEN
            missing = ", ".join(
                f"worker {number} at {workers[number]} ({reason})"
                for number, reason in sorted(reasons.copy().items())
            )
            _LOG.warning("waiting for %s", printable(missing))
    if due > _SOON:
        _LOG.warning("all workers are there")
