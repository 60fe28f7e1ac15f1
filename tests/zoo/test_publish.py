import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
import tensorflow as tf
import yaml
from closeness import assert_close
from tiny import tiny_experiment

import rstg_tf
from rstg_tf import files
from rstg_tf.data.synthetic.interactions import CLASS_NAMES
from rstg_tf.evaluation import measure
from rstg_tf.evaluation.subject import load_subject
from rstg_tf.hub import manifest, saved_model
from rstg_tf.runs import restore
from rstg_tf.zoo import publish, publishing, saving
from rstg_tf.zoo.publishing import NotBetterThanChance


@pytest.fixture(scope="module")
def clips():
    return np.random.default_rng(0).integers(0, 256, (5, 6, 32, 32, 3), np.uint8)


def copied(run, folder):
    return pathlib.Path(shutil.copytree(run, folder / "copy"))


def test_an_entry_has_what_a_user_needs(zoo):
    entry = zoo / "tiny"
    assert {
        "saved_model.pb",
        "keras_metadata.pb",
        "variables/variables.index",
        "assets/labels.txt",
        "config.yaml",
        "metrics.json",
        "README.md",
        "example.npz",
    } <= set(manifest.checksums(entry))
    assert (entry / "assets" / "labels.txt").read_text().splitlines() == CLASS_NAMES
    assert {path.name for path in zoo.iterdir()} == {"tiny", "manifest.json"}
    listed = manifest.read_manifest(zoo)["tiny"]
    assert listed["files"] == manifest.checksums(entry)
    assert listed["figures"] == json.loads((entry / "metrics.json").read_text())["figures"]


def test_the_example_is_what_the_model_gives(zoo):
    with np.load(zoo / "tiny" / "example.npz") as example:
        made = rstg_tf.load_model(zoo / "tiny")(example["clips"])
        assert example["clips"].shape == (1, 4, 32, 32, 3)
        for name in ("logits", "probabilities"):
            assert_close(made[name], example[name])


def test_card_tells_what_the_files_say(zoo):
    _, header, text = (zoo / "tiny" / "README.md").read_text().split("---\n", 2)
    header = yaml.safe_load(header)
    metrics = json.loads((zoo / "tiny" / "metrics.json").read_text())
    results = header["model-index"][0]["results"][0]
    assert header["license"] == "apache-2.0"
    assert results["dataset"]["split"] == "test"
    assert results["metrics"][0]["value"] == round(metrics["figures"]["top_1"], 4)
    low, high = metrics["figures"]["top_1_interval_95"]
    for words in (
        "not Something-Something",
        "On 60 clips of interactions, split test",
        f"{low:.1%} … {high:.1%}",
        'keras.models.load_model("model_zoo/tiny")',
        "16 videos seen",
        "seed 0, commit ",
        "batch 4, 4 steps",
        manifest.checksums(zoo / "tiny")["saved_model.pb"],
    ):
        assert words in text
    assert metrics["command"] == "publish it"
    assert metrics["held_out"] is True
    assert "/tmp" not in text


def test_the_real_layers_come_back(zoo, run, clips):
    model = rstg_tf.load_model(zoo / "tiny")
    trained, _ = restore(run)
    expected = trained(clips)
    assert type(model) is type(trained)
    for name in ("logits", "probabilities"):
        assert_close(model(clips)[name], expected[name])
    assert_close(model.attention(clips), trained.attention(clips))
    state = model.initial_state(len(clips))
    for frame in range(clips.shape[1]):
        outputs, state = model.step(clips[:, frame], state)
    assert_close(outputs["logits"], expected["logits"])
    assert saved_model.weights_checksum(model) == saved_model.weights_checksum(trained)


def test_keras_alone_loads_predicts_and_fine_tunes(zoo, run, clips, tmp_path):
    np.save(tmp_path / "clips.npy", clips)
    script = pathlib.Path(__file__).with_name("fine_tune.py")
    arguments = [(zoo / "tiny").resolve(), tmp_path / "clips.npy", tmp_path / "made.npz"]
    done = subprocess.run(
        [sys.executable, "-I", script, *arguments],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert "gradients" not in done.stderr
    made = np.load(tmp_path / "made.npz")
    expected = restore(run)[0](clips)
    assert_close(made["logits"], expected["logits"])
    assert_close(made["served"], expected["logits"])
    assert_close(made["probabilities"], expected["probabilities"])
    assert_close(made["one"], expected["logits"][:1])
    assert made["losses"][-1] < made["losses"][0]
    assert made["changed"].all()
    for refusal, shape in zip(made["refusals"], ("[6,32,32,3]", "[5,6,32,32,1]"), strict=True):
        assert f"{shape} is not compatible with expected shape [?,?,?,?,3]" in refusal


@pytest.mark.parametrize("name", ["saved_model.pb", "assets/labels.txt", "metrics.json"])
def test_a_file_that_was_changed_is_named(zoo, tmp_path, name):
    shutil.copytree(zoo, tmp_path / "zoo")
    with open(tmp_path / "zoo" / "tiny" / name, "ab") as file:
        file.write(b" ")
    for model in ("tiny", tmp_path / "zoo" / "tiny"):
        with pytest.raises(ValueError, match=f"tiny/{name} has"):
            rstg_tf.load_model(model, zoo=tmp_path / "zoo")


def test_a_training_without_checkpoint_is_refused(run, tmp_path):
    shutil.rmtree(copied(run, tmp_path) / "checkpoints")
    with pytest.raises(FileNotFoundError, match="no best checkpoint"):
        publish(tmp_path / "copy", "tiny", zoo=tmp_path / "zoo")
    with pytest.raises(FileNotFoundError, match="Not a training run folder"):
        publish(tmp_path, "tiny", zoo=tmp_path / "zoo")
    assert not (tmp_path / "zoo").exists()


def test_a_training_that_has_not_logged_its_best_is_refused(run, tmp_path):
    summary = copied(run, tmp_path) / "summary.json"
    text = json.loads(summary.read_text())
    summary.write_text(json.dumps({**text, "best_validation": None}))
    with pytest.raises(FileNotFoundError, match="must go on"):
        publish(tmp_path / "copy", "tiny", zoo=tmp_path / "zoo")
    summary.unlink()
    with pytest.raises(FileNotFoundError, match="must go on"):
        publish(tmp_path / "copy", "tiny", zoo=tmp_path / "zoo")
    assert not (tmp_path / "zoo").exists()


def test_weights_that_are_not_finite_are_refused(run, tmp_path):
    copy = copied(run, tmp_path)
    model, _ = restore(copy)
    model.trainable_variables[-1].assign(np.full(model.trainable_variables[-1].shape, np.nan))
    best = tf.train.latest_checkpoint(copy / "checkpoints" / "best")
    tf.train.Checkpoint(model=model).write(best)
    with pytest.raises(ValueError, match=r"classifier.* holds NaN"):
        publish(copy, "tiny", zoo=tmp_path / "zoo")
    assert not (tmp_path / "zoo").exists()


def test_figures_must_be_of_these_weights_on_other_clips(run, tmp_path):
    subject = load_subject(run)
    path = measure(subject, split="train", num_clips=4, progress=False).save(tmp_path / "seen")
    with pytest.raises(ValueError, match="'train'"):
        publish(run, "tiny", zoo=tmp_path / "zoo", metrics=path)
    metrics = json.loads(path.read_text())
    for change, message in (
        ({"weights_sha256": "0" * 64}, "of another model"),
        ({"weights_sha256": None}, "of another model"),
    ):
        path.write_text(json.dumps({**metrics, **change}))
        with pytest.raises(ValueError, match=message):
            publish(run, "tiny", zoo=tmp_path / "zoo", metrics=path)
    chance = {**metrics["figures"], "chance": metrics["figures"]["top_1_interval_95"][0]}
    path.write_text(json.dumps({**metrics, "held_out": True, "figures": chance}))
    with pytest.raises(NotBetterThanChance, match=r"better than chance .* Received: top-1 "):
        publish(run, "tiny", zoo=tmp_path / "zoo", metrics=path)
    path.write_text('{"figures": {"top_1": 1.0}}')
    with pytest.raises(ValueError, match=r"evaluate\.py wrote"):
        publish(run, "tiny", zoo=tmp_path / "zoo", metrics=path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        publish(run, "tiny", zoo=tmp_path / "zoo", metrics=tmp_path / "nowhere")
    assert not (tmp_path / "zoo").exists()


def test_a_model_and_data_of_other_classes_are_told_apart(run):
    with pytest.raises(ValueError, match="20 classes of run, 46 of syncmnist3; class 0 is"):
        measure(load_subject(run), data="syncmnist:digits=3", progress=False)


def test_an_entry_that_exists_is_refused_before_any_work(run, zoo):
    before = manifest.checksums(zoo)
    with pytest.raises(FileExistsError, match="--overwrite"):
        publish(run, "tiny", zoo=zoo)
    assert manifest.checksums(zoo) == before


def test_an_entry_that_is_too_large_is_refused_before_it_is_measured(run, tmp_path):
    with pytest.raises(ValueError, match=r"at most 0\.001 MB: .* \(--max-megabytes\)"):
        publish(run, "tiny", zoo=tmp_path / "zoo", max_megabytes=0.001)
    assert not (tmp_path / "zoo").exists()


def test_a_full_disk_leaves_nothing_behind(run, zoo, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", full]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a disk that is full takes the right to mount a tmpfs")
    try:
        metrics = zoo / "tiny" / "metrics.json"
        with pytest.raises(OSError, match="must be room on the disk to publish 'tiny'"):
            publish(run, "tiny", zoo=full / "zoo", metrics=metrics)
        assert list((full / "zoo").iterdir()) == []
    finally:
        subprocess.run(["umount", full], check=True)


def test_a_model_that_predicts_otherwise_is_found_out(run, zoo):
    model, _ = restore(run)
    model.trainable_variables[-1].assign_add(
        np.linspace(0, 1e-3, model.num_classes, dtype=np.float32)
    )
    with pytest.raises(RuntimeError, match="differ by"):
        saving.check_in_fresh_process(model, zoo / "tiny", (4, 32, 32, 3))


def test_a_model_that_predicts_otherwise_is_not_published(run, zoo, tmp_path, monkeypatch):
    def differs(*_):
        raise RuntimeError("differs")

    def labels_alone(model, class_names, directory):
        labels = directory / "assets" / saved_model.LABELS
        labels.parent.mkdir(parents=True)
        labels.write_text("\n".join(class_names))

    monkeypatch.setattr(saving, "write_saved_model", labels_alone)
    monkeypatch.setattr(saving, "check_in_fresh_process", differs)
    with pytest.raises(RuntimeError, match="differs"):
        publish(run, "tiny", zoo=tmp_path / "zoo", metrics=zoo / "tiny" / "metrics.json")
    assert list((tmp_path / "zoo").iterdir()) == []


def test_paths_of_this_machine_are_not_published():
    config = tiny_experiment()
    config.train_data.input_path = os.path.join("home", "someone", "shards")
    from rstg_tf.zoo.publishing import _portable

    assert yaml.safe_load(_portable(config))["train_data"]["input_path"] == "shards"


@pytest.mark.parametrize(
    "name",
    [
        "tiny",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("interactions_mean", "i3d")),
    ],
)
def test_keras_alone_saves_and_loads_again_and_tells_of_too_small_clips(zoo, clips, tmp_path, name):
    entry = zoo / name if name == "tiny" else manifest.zoo_directory() / name
    np.save(tmp_path / "clips.npy", clips)
    script, made = pathlib.Path(__file__).with_name("save_again.py"), tmp_path / "made.npz"
    command = [sys.executable, "-I", script, entry.resolve(), tmp_path / "clips.npy", made]
    done = subprocess.run(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = np.load(made)
    for number in (1, 2):
        assert_close(made[f"loaded{number}"], made["trained"])
        twin = rstg_tf.load_model(tmp_path / f"saved{number}")
        assert_close(twin(clips)["logits"], made["trained"])
    least = twin.backbone.min_size
    for refusal, sentence in zip(
        made["refusals"],
        (
            "A clip must have at least 2 frames.",
            "A clip must have at least 2 frames.",
            f"A clip must have at least {least} rows.",
            f"A clip must have at least {least} columns.",
            "not compatible with expected shape [?,?,?,?,3]",
        ),
        strict=True,
    ):
        assert sentence in refusal


def test_an_evaluation_beside_it_does_not_mix_with_a_publication(run, tmp_path, monkeypatch):
    run = copied(run, tmp_path)
    check = publishing._check_better_than_chance

    def another_evaluates(figures, metrics):
        for path in metrics.parent.iterdir():
            path.write_text("of another evaluation")
        with pytest.raises(NotBetterThanChance):
            check({**figures, "top_1_interval_95": [0.0, 1.0]}, metrics)

    monkeypatch.setattr(publishing, "_check_better_than_chance", another_evaluates)
    entry = publish(run, "tiny", zoo=tmp_path / "zoo", num_clips=6, progress=False)
    assert json.loads((entry / "metrics.json").read_text())["figures"]["num_clips"] == 6
    assert (entry / "per_class.csv").read_text().startswith("class,")
    assert (entry / "confusion_matrix.png").read_bytes().startswith(b"\x89PNG")


def test_reports_are_saved_one_after_the_other(run, tmp_path):
    report = measure(load_subject(run), num_clips=6, progress=False)
    saving = threading.Thread(target=report.save, args=[tmp_path])
    with files.locked(tmp_path):
        saving.start()
        saving.join(1)
        assert saving.is_alive() and not list(tmp_path.iterdir())
    saving.join()
    names = {"metrics.json", "per_class.csv", "confusion_matrix.png"}
    assert {path.name for path in tmp_path.iterdir()} == names
