import pathlib

import pytest
import yaml

from rstg_tf import experiments
from rstg_tf.layers import NonLocal

ZOO = pathlib.Path(__file__).parents[2] / "model_zoo"

ROWS = (
    "mean_lstm",
    "conv_lstm",
    "rstg_space_only",
    "rstg_time_only",
    "rstg_homogeneous",
    "rstg_1temp",
    "rstg_alltemp",
    "rstg_positional",
)


def test_the_posters_first_table_and_interactions_are_there():
    for digits in (3, 5):
        names = experiments.list_experiments(f"sync{digits}_*")
        rows = ROWS if digits == 3 else (*ROWS, "i3d", "i3d_nl")
        assert names == sorted(f"sync{digits}_{row}" for row in rows)
    assert experiments.list_experiments("inter*") == [
        "interactions_lstm",
        "interactions_mean",
        "interactions_rstg",
    ]


def test_unknown_experiment_names_the_closest():
    with pytest.raises(
        ValueError, match=r"closest.*'sync3_rstg_alltemp'.*Received: experiment='sync3_altem"
    ):
        experiments.get_experiment("sync3_altemp")
    with pytest.raises(ValueError, match="Received: size='medium'"):
        experiments.get_experiment("interactions_rstg", size="medium")


@pytest.mark.parametrize("name", experiments.list_experiments())
@pytest.mark.parametrize("size", experiments.SIZES)
def test_every_experiment_is_valid_and_its_own(name, size):
    config = experiments.get_experiment(name, size)
    assert (config.name, config.size) == (name, size)
    experiments.check(config)
    config.model.dropout = 0.25
    assert experiments.get_experiment(name, size).model.dropout != 0.25


@pytest.mark.parametrize("name", experiments.list_experiments("sync5_*"))
def test_every_row_builds_what_it_says(name):
    config = experiments.get_experiment(name)
    config.model.num_classes, config.model.channels = 46, 1
    model = experiments.build_model(config.model)
    row = name.removeprefix("sync5_")
    if not row.startswith("rstg"):
        assert model.block is None
        blocks = [m for m in model.submodules if isinstance(m, NonLocal)]
        assert len(blocks) == (5 if row == "i3d_nl" else 0)
        return
    expected = {"alltemp": "all_temp", "1temp": "1_temp", "positional": "all_temp"}
    kind = row.removeprefix("rstg_")
    assert model.block.variant == expected.get(kind, kind)
    assert model.block.positional == (kind == "positional")
    assert model.block.node_dim == model.block.message_dim == 64


def test_syncmnist_ends_on_the_true_motion_and_is_validated_on_it():
    for name in experiments.list_experiments("sync*"):
        for size in experiments.SIZES:
            config = experiments.get_experiment(name, size)
            motion = config.train_data.source.syncmnist
            videos = config.trainer.train_steps * config.train_data.global_batch_size
            if motion.persistence:
                hold, end = motion.annealing
                assert 0.19 < hold / videos < 0.21 and 0.54 < end / videos < 0.56, (name, size)
            assert config.validation_data.source.syncmnist.persistence == 0


def test_what_goes_on_from_a_model_fits_it():
    staged = {}
    for name in experiments.list_experiments("sync5_*"):
        config = experiments.get_experiment(name)
        if config.trainer.init_checkpoint:
            first = experiments.get_experiment(config.trainer.init_checkpoint)
            assert first.model.as_dict() == config.model.as_dict()
            staged[name] = first.name
    assert staged == {
        f"sync5_rstg_{row}": f"sync3_rstg_{row}" for row in ("1temp", "alltemp", "positional")
    }


def test_paper_size():
    config = experiments.get_experiment("sync3_rstg_alltemp", "paper")
    assert config.model.backbone.simple_conv.filters == (512, 512, 512)
    assert config.model.head.rstg.node_dim == config.model.head.rstg.message_dim == 512


def test_controls_have_about_as_many_parameters():
    counts = {}
    for kind in ("rstg", "mean", "lstm"):
        config = experiments.get_experiment(f"interactions_{kind}")
        config.model.num_classes, config.model.channels = 20, 3
        counts[kind] = experiments.build_model(config.model).count_params()
    assert all(0.7 < counts[kind] / counts["rstg"] < 1.4 for kind in counts), counts


def test_resolve_writes_out_what_follows():
    config = experiments.get_experiment("interactions_rstg")
    config.trainer.train_steps = 400
    source = experiments.build_source(config.train_data)
    resolved = experiments.resolve(config, source)
    optimization = resolved.trainer.optimizer_config
    assert (resolved.model.num_classes, resolved.model.channels) == (len(source.class_names), 3)
    assert optimization.learning_rate.cosine.decay_steps == 400
    assert optimization.warmup.linear.warmup_steps == 20
    assert optimization.ema.average_decay == pytest.approx(0.95)
    assert config.model.num_classes is None, "the experiment itself stays as it was"
    config.model.num_classes = 7
    with pytest.raises(ValueError, match="num_classes=7"):
        experiments.resolve(config, source)


def test_sources():
    config = experiments.get_experiment("sync5_rstg_alltemp")
    source = experiments.build_source(config.train_data)
    assert source.clip_shape == (10, 64, 64, 1)
    assert len(source.class_names) == 46


@pytest.mark.parametrize(
    "path", sorted(ZOO.glob("*/config.yaml")), ids=lambda path: path.parent.name
)
def test_published_settings_are_read_as_they_were_written(path):
    config = experiments.apply_file(experiments.Experiment(), path)
    assert experiments.to_plain(config) == yaml.safe_load(path.read_text())
    experiments.check(config)
