import pytest

from rstg_tf import experiments
from rstg_tf.experiments import apply_file, apply_overrides, get_experiment


def test_string_file_and_dict_do_the_same(tmp_path):
    text = (
        "trainer.train_steps=1e4, model.backbone.simple_conv.filters=[8,8,8],"
        "trainer.optimizer_config.learning_rate.cosine.initial_learning_rate=1e-3,"
        "trainer.optimizer_config.ema.average_decay=0.5,train_data.input_path='/data/a=b',"
        "model.head.type=mean"
    )
    from_text = apply_overrides(get_experiment("interactions_rstg"), text)
    assert from_text.trainer.train_steps == 10_000
    assert from_text.model.backbone.simple_conv.filters == (8, 8, 8)
    schedule = from_text.trainer.optimizer_config.learning_rate
    assert schedule.cosine.initial_learning_rate == 1e-3
    assert from_text.train_data.input_path == "/data/a=b"
    assert from_text.model.head.type == "mean"

    path = tmp_path / "config.yaml"
    path.write_text(experiments.to_yaml(from_text))
    from_file = apply_file(get_experiment("interactions_rstg"), path)
    assert from_file == from_text
    from_dict = apply_overrides(
        get_experiment("interactions_rstg"), experiments.to_plain(from_text)
    )
    assert from_dict == from_text


def test_a_section_that_is_off_can_be_turned_on_and_off():
    config = apply_overrides(experiments.Experiment(), "trainer.optimizer_config.ema=null")
    assert config.trainer.optimizer_config.ema is None
    apply_overrides(config, "trainer.optimizer_config.ema.average_decay=0.9")
    assert config.trainer.optimizer_config.ema.average_decay == 0.9


@pytest.mark.parametrize(
    "override, closest",
    [
        ("trainer.train_step=5", "trainer.train_steps"),
        ("model.head.rstg.node_dims=5", "model.head.rstg.node_dim"),
        ("node_dim=5", "model.head.rstg.node_dim"),
        ("model.rstg.iteration=2", "model.head.rstg.iterations"),
        ("trainer.optimizer_config.ema.decay=0.5", "trainer.optimizer_config.ema.average_decay"),
        ("runtime.precision=bfloat16", "runtime.mixed_precision_dtype"),
    ],
)
def test_misspelt_setting_names_the_closest(override, closest):
    with pytest.raises(ValueError, match="There is no setting") as error:
        apply_overrides(get_experiment("interactions_rstg"), override)
    name, value = override.split("=")
    assert closest in str(error.value)
    assert f"Received: {name}={value}" in str(error.value).replace("'", "")


@pytest.mark.parametrize(
    "override, expected",
    [
        ("trainer.train_steps=many", "must be int"),
        ("trainer.train_steps=1.5", "must be int"),
        ("model.dropout=half", "must be float"),
        ("model.head.rstg.positional=2", "must be bool"),
        ("model.head=rstg", "settings of its own"),
        ("model.backbone.simple_conv.filters=8", "must be tuple"),
        ("trainer.train_steps=null", "must be int"),
        ("trainer.train_steps", "written as"),
    ],
)
def test_wrong_type_is_refused(override, expected):
    with pytest.raises(ValueError, match=expected) as error:
        apply_overrides(get_experiment("interactions_rstg"), override)
    assert "Received: " in str(error.value)


LAUGHS = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))


def test_damaged_file_is_named(tmp_path):
    for text in (
        "a: [",
        "- 1",
        "trainer: {train_step: 3}",
        "[" * 10_000,
        "a: &a {b: *a}",
        f"a0: &a0 [1]\n{LAUGHS}",
        "trainer: {seed: 1, seed: 2}",
        "!!python/object/apply:os.getcwd []",
        "trainer: {seed: 2001-99-99}",
        "x" * 2**21,
        b"trainer: {seed: 1}\xff",
        b"\0" * 100,
    ):
        path = tmp_path / "config.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(ValueError, match=r"config\.yaml"):
            apply_file(get_experiment("interactions_rstg"), path)


@pytest.mark.parametrize(
    "override, named",
    [
        ("model.head.type=gru", "model.head.type='gru'"),
        ("train_data.is_training=false", "train_data.is_training=False"),
        ("validation_data.split=train", "validation_data.split='train'"),
        ("train_data.global_batch_size=0", "train_data.global_batch_size=0"),
        ("runtime.virtual_devices=3", "runtime.virtual_devices=3"),
        ("runtime.virtual_devices=0", "runtime.virtual_devices=0"),
        ("validation_data.num_examples=-1", "validation_data.num_examples=-1"),
        ("trainer.checkpoint_interval=0", "trainer.checkpoint_interval=0"),
        ("trainer.label_smoothing=1", "trainer.label_smoothing=1.0"),
        ("trainer.optimizer_config.optimizer.type=adamw", "optimizer.type='adamw'"),
        ("trainer.optimizer_config.learning_rate.type=stepwise", "stepwise.boundaries=None"),
        ("trainer.optimizer_config.ema.average_decay=1", "ema.average_decay=1.0"),
        (
            "trainer.optimizer_config.learning_rate.cosine.initial_learning_rate=-1",
            "cosine.initial_learning_rate=-1.0",
        ),
        (
            "trainer.optimizer_config.optimizer.adamw_experimental.weight_decay=-1",
            "weight_decay=-1.0",
        ),
        ("trainer.optimizer_config.learning_rate.cosine.decay_steps=0", "cosine.decay_steps=0"),
        ("model.dropout=.nan", "model.dropout=nan"),
        ("model.dropout=1", "model.dropout=1.0"),
        ("model.head.rstg.scales=[1000]", "model.head.rstg.scales=(1000,)"),
        (f"trainer.seed={10**400}", "trainer.seed=1000"),
    ],
)
def test_restrictions_between_settings(override, named):
    config = apply_overrides(get_experiment("interactions_rstg"), override)
    with pytest.raises(ValueError) as error:
        experiments.check(config)
    assert named in str(error.value).partition("Received: ")[2]
