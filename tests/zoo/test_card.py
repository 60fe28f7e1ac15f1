"""What a card says for experiments of both tables, and for others."""

import copy

import pytest
import yaml
from markdown_it import MarkdownIt
from tiny import tiny_experiment

from rstg_tf import experiments
from rstg_tf.experiments import rows
from rstg_tf.hub import manifest, saved_model
from rstg_tf.models import VideoClassifier
from rstg_tf.zoo import card

FIGURES = {
    "num_clips": 5000,
    "top_1": 0.61,
    "top_1_interval_95": [0.6, 0.62],
    "top_5": 0.9,
    "top_5_interval_95": [0.89, 0.91],
    "macro_f1": 0.6,
    "cohen_kappa": 0.58,
    "chance": 0.05,
}


@pytest.fixture(scope="module")
def model():
    head = {"scales": (2, 1), "node_dim": 8, "message_dim": 8, "iterations": 1}
    return VideoClassifier(20, backbone_options={"filters": (4, 8, 8)}, head_options=head)


@pytest.fixture(scope="module")
def facts(model):
    return card.Facts(
        name="mine",
        model=model,
        class_names=[f"class {number}" for number in range(20)],
        config=tiny_experiment(),
        metrics={
            "data": {
                "name": "interactions",
                "split": "test",
                "clip_shape": [4, 32, 32, 3],
                "rendered": True,
                "seed": 1,
                "options": {},
            },
            "protocol": "one view a clip",
            "command": "evaluate it",
            "tensorflow": "2.15.1",
            "figures": FIGURES,
        },
        training={
            "experiment": "interactions_rstg",
            "size": "lite",
            "parameters": 1234,
            "steps": 4,
            "videos": 16,
            "minutes": 0.1,
            "hardware": "2 cores",
            "seed": 0,
            "commit": "abc",
            "best_validation": {"step": 4, "accuracy": 0.5},
        },
        costs={
            "clip_shape": [4, 32, 32, 3],
            "parameters": 1234,
            "multiply_adds": 5678901,
            "graph": {"parameters": 234, "multiply_adds": 678901},
            "clips_per_second": 123.4,
            "batch_size": 8,
            "hardware": "2 cores",
        },
        checksums={"saved_model.pb": "0" * 64},
    )


def render(facts, experiment, data="interactions", **options):
    metrics = copy.deepcopy(facts.metrics)
    rendered = not data.startswith("something")
    metrics["data"] |= {"name": data, "options": options, "rendered": rendered}
    training = {**facts.training, "experiment": experiment}
    text = card.render(facts._replace(metrics=metrics, training=training))
    return text.split("---\n", 2)[2]


def test_first_lines_of_a_row_on_other_data_say_so_and_where_the_papers_weights_are(facts):
    first = render(facts, "rstg_res3_4").split("## ")[0]
    assert first.startswith(
        "\n# mine\n\n**Trained on Interactions, not on Something-Something.** It has the "
        "architecture of the row “RSTG-to-map res3-4”"
    )
    assert "convert_checkpoint.py --config=rstg_res3_4 --checkpoint=MODEL.ckpt" in first


def test_published_figures_stand_beside_ours_and_are_not_compared(facts):
    text = render(facts, "rstg_res3_4")
    assert "| here: interactions, size `lite` | published: “RSTG-to-map res3-4”, Something-" in text
    assert "| Top-1 accuracy | 61.0% (60.0% … 62.0%) | 49.2% |" in text
    assert "| Top-5 accuracy | 90.0% (89.0% … 91.0%) | 78.8% |" in text
    assert "can't be compared" in text
    rows = [line for line in render(facts, "c2d").splitlines() if "64.7%" in line]
    assert rows == ["| Top-5 accuracy | 90.0% (89.0% … 91.0%) | 64.7% |"]
    assert "| Top-1 accuracy | 61.0% (" not in render(facts, "c2d")


def test_a_row_on_the_data_of_the_paper_claims_nothing_else(facts):
    text = render(facts, "rstg_res3_4", "something-something-v1")
    for words in ("not on Something-Something", "can't be compared", "rendered"):
        assert words not in text
    assert "| 49.2% |" in text


def test_syncmnist_is_the_papers_task_only_with_its_motion_and_its_pairs(facts):
    text = render(facts, "sync3_conv_lstm", "syncmnist3", persistence=0.0)
    assert "| Top-1 accuracy | 61.0% (60.0% … 62.0%) | 95.0% |" in text
    assert "The same task" in text and "convert_checkpoint" not in text
    assert "Chance is 5.0%, one over the number of pairs" in text
    text = render(facts, "sync3_conv_lstm", "syncmnist3", persistence=0.5)
    assert "Not the same task" in text and "The same task" not in text
    text = render(facts, "sync3_conv_lstm", "syncmnist3", no_pair=0.5)
    assert "Not the same task: here 50.0% of the videos have no pair" in text


def test_experiments_of_no_table_have_no_published_figure(facts):
    text = render(facts, "interactions_rstg")
    assert "the published figure" not in text and "convert_checkpoint" not in text
    of_a_row = render(facts, "sync3_rstg_positional", "syncmnist3")
    assert "The paper's table has no figure for this row." in of_a_row
    assert "not Something-Something" in text
    assert "- 5,678,901 multiply-adds for a clip of 4×32×32×3, 678,901 of them in the graph" in text
    assert "- 123 clips/s on 2 cores: the fastest of several batches of 8" in text


def test_a_card_shows_what_the_entry_holds_and_what_the_model_can(facts):
    text = card.render(facts)
    for words in ("model.attention(clips)", "model.step(frame, state)", "exports/export.py mine"):
        assert words in text
    for file in ("learning_curve.png", "evaluation.ipynb", "confusion_matrix.png"):
        assert file not in text
        assert f"({file})" in card.render(facts._replace(checksums={file: "0" * 64}))
    assert "Other numbers of frames and other sizes run, but were not measured." in text
    blind = VideoClassifier(20, backbone_options={"filters": (4, 8, 8)}, head="average")
    text = card.render(facts._replace(model=blind))
    for words in ("attention", "model.step", "in the graph"):
        assert words not in text
    deaf = {**facts.model.get_config()["head_options"], "variant": "time_only"}
    text = card.render(facts._replace(model=VideoClassifier(20, head="rstg", head_options=deaf)))
    assert "in which no node hears another, variant `time_only`" in text
    for words in ("attention", "directed edges", "message dimension"):
        assert words not in text


def test_the_architecture_tells_where_graphs_and_non_local_blocks_stand(facts):
    def first_sentences(name, **head):
        config = copy.deepcopy(facts.config)
        config.model = experiments.get_experiment(name).model
        options = {"width": 0.0625, "non_local": config.model.backbone.video_resnet.non_local}
        options["graphs"] = config.model.backbone.video_resnet.graphs
        small = {"scales": (2, 1), "node_dim": 8, "message_dim": 8}
        model = VideoClassifier(
            20,
            backbone="video_resnet",
            backbone_options={**options, "graph_options": small},
            head="average",
            head_options={"graph_options": small} if head else {},
        )
        text = card.render(facts._replace(config=config, model=model))
        return text.split("## Architecture\n\n")[1].split("\n")[0], text

    assert "(C2D: each kernel sees one frame), then" in first_sentences("c2d")[0]
    sentence, _ = first_sentences("i3d_nl")
    assert "(I3D: kernels over several frames), with non-local blocks in res3 and res4," in sentence
    sentence, text = first_sentences("rstg_c2d", graph=True)
    assert "stands after the backbone, adds its vector to the average and has the" in sentence
    assert "model.attention(clips)  # [B, steps, K, E]" in text
    sentence, text = first_sentences("rstg_res3_4")
    assert "stands in res3 and res4 and has the regions of 2×2 + 1×1 grids" in sentence
    assert "model.attention(clips, \"res4\")  # or 'res3'; [B, steps, K, E]" in text


def test_limits_tell_who_never_says_no_pair(facts):
    def limits(high):
        figures = {"no_pair": 0.0, "no_pair_interval_95": [0.0, high], "no_pair_num_clips": 47}
        metrics = {**facts.metrics, "figures": {**FIGURES, **figures}}
        return card.render(facts._replace(metrics=metrics)).split("## Limits")[1]

    assert "takes nearly every clip without a pair" in limits(0.1)
    assert "without a pair" not in limits(0.9)


def test_every_experiment_of_the_tables_is_found():
    names = [row.experiment for _, of_table in rows.list_tables() for row in of_table]
    assert sorted(filter(None, names)) == experiments.list_experiments()
    assert {name for pair in rows.compared_pairs() for name in pair} <= {*names}
    assert rows.find_row("sync5_rstg_positional").top_1 == 97.2
    assert rows.find_row("sync3_rstg_positional").top_1 is None
    assert rows.find_row("sync5_mean_lstm").top_1 is None
    nl = rows.find_row("i3d_nl")
    assert (nl.top_1, nl.top_5) == (44.4, 76.0)


MEAN = "<b>|`[x](http://evil)` <script>alert(1)</script>\n# Title\x1b[2J$\\alpha$ *_~"


def test_text_of_strangers_is_no_markup(facts):
    metrics, training = copy.deepcopy(facts.metrics), copy.deepcopy(facts.training)
    for key in ("name", "split", "shards", "digits"):
        metrics["data"][key] = MEAN
    del metrics["data"]["seed"]
    for key in ("protocol", "command", "tensorflow"):
        metrics[key] = MEAN
    for key in ("experiment", "size", "hardware", "commit", "note"):
        training[key] = MEAN
    config = copy.deepcopy(facts.config)
    config.trainer.init_checkpoint = config.train_data.input_path = MEAN
    config.train_data.split = config.validation_data.split = MEAN
    costs = {**facts.costs, "hardware": MEAN}
    changed = facts._replace(metrics=metrics, training=training, config=config, costs=costs)
    source = {"checkpoint": MEAN, "config": MEAN, "checkpoint_sha256": "0" * 64}
    for text in (card.render(changed), card.render(changed._replace(conversion=source))):
        _, header, page = text.split("---\n", 2)
        assert "\x1b" not in text and "# Title" not in text.splitlines()
        yaml.safe_load(header)
        shown = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(page)
        for markup in ("<script", "<b>", "<em>", "<s>", 'href="http://evil'):
            assert markup not in shown


# Sentences of published cards, which have checksums, and what is written in their place today.
MENDED = {
    "`rstg_tf.data.interactions`": "`rstg_tf.data.Interactions`",
    "`rstg_tf.data.syncmnist`": "`rstg_tf.data.SyncMNIST`",
    " The paper's weights, for who holds the authors' TensorFlow 1 checkpoint:": (
        " If you have the authors' TensorFlow 1 checkpoint, this converts the paper's weights:"
    ),
    "checks the files and gives the real layers:": (
        "verifies the checksums and restores the original layer classes:"
    ),
    "frame, with the result of the clip so far after each:": (
        "frame; each step gives the result for the clip so far:"
    ),
    "Serving (`docker` stands for any way to run it):": "Serving, here in Docker:",
    "Scaling is inside of the model.": "Scaling is part of the model.",
    "pairs: of who knows the digits but": (
        "pairs: the score of a model that recognises the digits but"
    ),
    "and who listens to whom.": "and which regions attend to which.",
    "Other data, other classes and another size: these figures can't be compared with one another, "
    "only differences between rows with": (
        "Different data, classes and size: these figures can't be compared with one another. Only "
        "differences between rows can be compared with"
    ),
    "is not in these numbers of videos": "is not counted in these videos",
    "clips only: it knows nothing of filmed ones, and": (
        "clips only, so it knows nothing of filmed ones, and"
    ),
    "stands after res5, adds": "stands after the backbone, adds",
}


@pytest.mark.parametrize("name", ["interactions_mean", "sync5_rstg_1temp", "rstg_c2d"])
def test_published_cards_are_what_is_written_today(name):
    entry = manifest.zoo_directory() / name
    config = experiments.apply_file(experiments.Experiment(), entry / "config.yaml")
    labels = saved_model.read_class_names(entry)
    config.model.num_classes = len(labels)
    config.model.channels = manifest.read_manifest()[name]["clip_shape"][-1]
    made = card.render(card.read_facts(entry, name, experiments.build_model(config.model)))
    published = (entry / "README.md").read_text(encoding="utf-8")
    for before, today in MENDED.items():
        published = published.replace(before, today)
    assert made == published
