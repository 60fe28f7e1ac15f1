"""What a training ran on."""

import os
import platform
import subprocess

import tensorflow as tf


def hardware():
    """The machine in words."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
        return f"{len(gpus)} x {name}"
    # Of all cores, this process may have been given a few; macOS can't say which.
    ask = getattr(os, "sched_getaffinity", None)
    cores = len(ask(0)) if ask else os.cpu_count()
    return f"{cores} core{'s' * (cores > 1)}, {platform.machine()}"


def versions():
    """Versions of what trains."""
    return {"python": platform.python_version(), "tensorflow": tf.__version__}


def commit():
    """The source's commit, or None where it is not under git."""
    try:
        return subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=os.path.dirname(os.path.abspath(__file__)),
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
