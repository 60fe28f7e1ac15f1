import numpy as np
import pytest
import whole_videos

from rstg_tf import experiments
from rstg_tf.data.shards.dataset_info import read_info, to_text
from rstg_tf.data.shards.shard_writer import write_shards
from rstg_tf.data.shards.source import Shards
from rstg_tf.data.source import Facts
from rstg_tf.data.synthetic.interactions import Interactions
from rstg_tf.data.synthetic.syncmnist import SyncMNIST
from rstg_tf.evaluation import data as sets


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    directory = tmp_path_factory.mktemp("shards")
    write_shards(Interactions(size=32, frames=4, split="test", num_examples=6), directory)
    return directory


def test_options_that_are_not_given_are_those_of_the_model():
    config = experiments.get_experiment("sync5_rstg_alltemp")
    source, about = sets.open_test_set("syncmnist:z_order=authors", config=config)
    assert (source.digits, source.z_order, source.split) == (5, "authors", "test")
    assert about["options"]["digits"] == 5
    assert about["digits"] == source.source
    source, _ = sets.open_test_set(config=config)
    assert source.name == "syncmnist5"


def test_evaluation_shares_no_clip_with_training_and_validation():
    config = experiments.get_experiment("interactions_rstg")
    measured, about = sets.open_test_set("interactions", config=config)
    assert sets.is_held_out(about, config)
    ours = measured.batch(range(4))[0]
    for section in (config.train_data, config.validation_data):
        theirs = experiments.build_source(section).batch(range(4))[0]
        assert not (ours[:, None] == theirs[None]).all(axis=(2, 3, 4, 5)).any()


def test_what_was_trained_or_chosen_on_is_not_held_out():
    config = experiments.get_experiment("interactions_rstg")
    chosen = config.validation_data
    for split, seed, held_out in (
        ("train", 123, False),
        (chosen.split, chosen.seed, False),
        (chosen.split, chosen.seed + 1, True),
        ("test", sets.SEED, True),
    ):
        _, about = sets.open_test_set("interactions", split, seed, config)
        assert sets.is_held_out(about, config) is held_out


def test_shards_that_chose_the_weights_are_held_out_and_it_is_told():
    config = experiments.get_experiment("interactions_rstg")
    about = {"split": "validation", "shards": "mine"}
    assert not sets.chose_weights(about, config)  # It was validated on generated clips.
    config.validation_data.input_path = "data/mine"
    assert sets.chose_weights(about, config) and sets.is_held_out(about, config)
    assert not sets.chose_weights({**about, "split": "test"}, config)
    assert not sets.chose_weights({"split": "validation", "seed": 0}, config)
    assert not sets.chose_weights(about, None)


def test_shards(shards):
    source, about = sets.open_test_set(shards)
    assert sets.count_clips(source, about) == 6
    assert about["shards"] == shards.name
    assert "seed" not in about
    clip, label = sets.read_clip(source, 5)
    expected = Interactions(size=32, frames=4, split="test").batch([5])
    assert label == expected[1][0]
    assert np.abs(clip.astype(float) - expected[0][0]).mean() < 5  # JPEG loses a little.
    with pytest.raises(ValueError, match="at most the 6"):
        sets.count_clips(source, about, 7)
    with pytest.raises(ValueError, match="number 6"):
        sets.read_clip(source, 6)


def test_a_generator_has_as_many_clips_as_wanted():
    source, about = sets.open_test_set("interactions")
    assert sets.count_clips(source, about, 1_000_000) == 1_000_000
    with pytest.raises(ValueError, match="positive"):
        sets.count_clips(source, about, 0)


def test_chance_on_syncmnist_is_the_plateau_of_the_pairs():
    for digits, level in ((3, 1 / 3), (5, 1 / 10)):
        source, _ = sets.open_test_set(f"syncmnist:digits={digits}")
        assert sets.chance_level(source) == pytest.approx(level)
    assert sets.chance_level(sets.open_test_set("interactions")[0]) == pytest.approx(1 / 20)


@pytest.mark.parametrize("stated", [True, False])
def test_shards_know_the_facts_of_their_generator(tmp_path, stated):
    generated = (
        Interactions(size=16, frames=2, num_examples=4),
        SyncMNIST(digits=3, frames=2, size=16, source="embedded", num_videos=4),
    )
    for source in generated:
        directory = tmp_path / source.name
        write_shards(source, directory, num_shards=1)
        if not stated:  # As it was written before.
            info = read_info(directory)
            del info["facts"]
            (directory / "dataset_info.json").write_text(to_text(info))
            source.split = "test"
            write_shards(source, directory, num_shards=1)
            source.split = "train"
        shards = Shards(directory, "train")
        assert shards.facts == source.facts and shards.facts.is_rendered
        assert sets.open_test_set(directory, "train")[1]["rendered"]
    assert shards.facts.no_pair == 45 and shards.facts.chance == pytest.approx(1 / 3)


def test_of_filmed_videos_chance_is_a_guess(tmp_path):
    whole_videos.write_videos(tmp_path, "test", count=4, shards=1, classes=2)
    source, about = sets.open_test_set(tmp_path)
    assert source.facts == Facts(1 / 2)
    assert about["rendered"] is False


def test_facts_that_can_not_be_are_told(tmp_path):
    write_shards(SyncMNIST(digits=3, source="embedded", num_videos=4), tmp_path, num_shards=1)
    info = read_info(tmp_path)
    (tmp_path / "dataset_info.json").write_text(
        to_text({**info, "facts": {**info["facts"], "no_pair": 46}})
    )
    with pytest.raises(ValueError, match="about classes that there are"):
        Shards(tmp_path, "train")
    del info["facts"]
    info["splits"]["train"]["made_by"]["digits"] = "many"
    (tmp_path / "dataset_info.json").write_text(to_text(info))
    with pytest.raises(ValueError, match=r"description is damaged .*from 2 to 10"):
        Shards(tmp_path, "train")


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ("interaction", FileNotFoundError, "did you mean 'interactions'"),
        ("/nowhere/at/all", FileNotFoundError, "/nowhere/at/all"),
        ("interactions:dificulty=1", ValueError, "difficulty"),
        ("interactions:difficulty=2", ValueError, "from 0 to 1"),
        (None, ValueError, "--data"),
    ],
)
def test_unknown_data_is_refused(data, error, message):
    with pytest.raises(error, match=message):
        sets.open_test_set(data)


@pytest.mark.parametrize(("word", "split"), [("val", "validation"), ("Train", "train")])
def test_words_that_people_have_for_splits(word, split):
    source, about = sets.open_test_set("interactions", word)
    assert (source.split, about["split"]) == (split, split)
    with pytest.raises(ValueError, match="'eval'"):
        sets.open_test_set("interactions", "eval")
