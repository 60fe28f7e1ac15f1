"""Loads of an entry that is overwritten without pause: none fails."""

import multiprocessing
import random
import shutil
import time

import numpy as np
import pytest
import tensorflow as tf
from closeness import FORWARD, relative_difference

import rstg_tf
from rstg_tf.hub import entries, manifest
from rstg_tf.zoo import store

pytestmark = pytest.mark.slow
NAME, LOADS, KILLS = "interactions_mean", 900, 30
fork = multiprocessing.get_context("fork")


def overwrite(zoo):
    for number in range(1_000_000):
        with store.changed_entry(zoo, NAME) as (part, _):
            (part / "note.txt").write_text(str(number))


@pytest.fixture
def zoo(tmp_path):
    """A copy of a published entry."""
    with store.new_entry(tmp_path / "zoo", NAME) as (part, about):
        source = manifest.zoo_directory() / NAME
        shutil.copytree(source, part, dirs_exist_ok=True)
        (part / manifest.ENTRY).unlink(missing_ok=True)
        entry = manifest.read_manifest()[NAME]
        about |= {key: entry[key] for key in entry if key not in ("files", "checksum")}
    return tmp_path / "zoo"


def test_no_load_fails_while_an_entry_is_overwritten(zoo, counted):
    writer = fork.Process(target=overwrite, args=(zoo,))
    writer.start()
    failed, notes = [], set()
    try:
        for _ in range(LOADS):
            try:
                rstg_tf.load_model(NAME, zoo=zoo)
                notes.add(entries.read_entry(NAME, zoo, read_note))
                tf.keras.backend.clear_session()
            except Exception as error:
                failed.append(str(error))
    finally:
        writer.kill()
        writer.join()
    counted("loads of an entry that is overwritten", tried=LOADS, failed=len(failed))
    assert not failed
    assert len(notes) > 10


def read_note(directory):
    note = directory / "note.txt"
    return note.read_text() if note.exists() else ""


def test_a_writer_killed_at_any_moment_leaves_an_entry(zoo, counted):
    with np.load(zoo / NAME / "example.npz") as example:
        clips, logits = example["clips"], example["logits"]
    good = 0
    for seed in range(KILLS):
        writer = fork.Process(target=overwrite, args=(zoo,))
        writer.start()
        time.sleep(random.Random(seed).uniform(0.02, 0.3))
        writer.kill()
        writer.join()
        made = rstg_tf.load_model(NAME, zoo=zoo)(clips)["logits"]
        good += relative_difference(made, logits) < FORWARD
    counted("kills while an entry is overwritten", tried=KILLS, readable_after=good)
    assert good == KILLS
