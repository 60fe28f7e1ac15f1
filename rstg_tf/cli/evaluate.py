"""Commands that show what a model has learnt: evaluate, draw-attention."""

import pathlib

from rstg_tf.cli.options import share
from rstg_tf.cli.parser import add_command


def add_commands(group):
    """Adds the commands to the group."""
    parser = add_command(group, "evaluate", evaluate, {"--clips": "--clips-override"})
    share(parser, "model", "--data", "--split")
    share(parser, "--num-clips", help="default: all of shards, or 2,000")
    parser.add_argument("--seed", type=int, help="of generated clips (default: one of its own)")
    parser.add_argument("--batch-size", type=int, default=32, help="default: 32")
    parser.add_argument(
        "--eval",
        choices=("single", "dense"),
        default="single",
        help="single (default): one view a clip; dense: 11 crops x 2 samplings in time of videos "
        "stored whole, logits averaged; --batch-size bounds how many are in memory",
    )
    parser.add_argument(
        "--clips-override",
        metavar="SETTINGS",
        help="how clips are taken from videos stored whole: frames=32,size=224,short_side=256 "
        "(default: as in the training)",
    )
    share(parser, "--on-corrupt", default="error")
    share(parser, "--zoo")
    share(
        parser,
        "--output",
        help="folder to write (default: evaluations/ in a training's folder, else "
        "runs/evaluations/MODEL)",
    )

    parser = add_command(group, "draw-attention", draw_attention)
    share(parser, "model", "--data", "--split")
    parser.add_argument("--clip", type=int, default=0, help="number of the clip (default: 0)")
    share(parser, "--frames", default=6, help="frames to show (default: 6)")
    share(parser, "--zoo")
    share(parser, "--output", required=True, metavar="FILE.png", help="picture to write")


def evaluate(arguments):
    """Evaluates a model on clips that it was not trained on.

        rstg evaluate runs/interactions_rstg --data=interactions
        rstg evaluate interactions_rstg --data=interactions:difficulty=1.0
        rstg evaluate model_zoo/sync5_rstg_alltemp --data=SHARDS --num-clips=5000
        rstg evaluate runs/rstg_res3_4 --data=s3://bucket/shards --eval=dense

    Prints the figures and a table of classes, and writes metrics.json, per_class.csv and
    confusion_matrix.png.
    """
    from rstg_tf.evaluation import measure
    from rstg_tf.evaluation.data import SEED
    from rstg_tf.evaluation.subject import load_subject
    from rstg_tf.files import check_room
    from rstg_tf.text import printable

    subject = load_subject(arguments.model, arguments.zoo)
    check_room(arguments.output or subject.output)
    report = measure(
        subject,
        data=arguments.data,
        split=arguments.split,
        num_clips=arguments.num_clips,
        seed=SEED if arguments.seed is None else arguments.seed,
        batch_size=arguments.batch_size,
        views=arguments.eval,
        clips=arguments.clips_override,
        on_corrupt=arguments.on_corrupt,
        command=arguments.command,
    )
    about = report.details["data"]
    output = arguments.output or subject.output / f"{about['name']}-{about['split']}"
    written = report.save(pathlib.Path(output)).parent
    print(report)
    if about.get("skipped_records"):
        print(f"\nskipped {about['skipped_records']} damaged record(s)")
    print("\nwrote", printable(written))


def draw_attention(arguments):
    """Draws which regions of a clip attend to which others, in a model with an RSTG block.

    rstg draw-attention interactions_rstg --data=interactions --output=strip.png
    """
    from rstg_tf.evaluation.data import open_test_set, read_clip
    from rstg_tf.evaluation.subject import load_subject
    from rstg_tf.files import written_whole
    from rstg_tf.visualize import draw_attention

    subject = load_subject(arguments.model, arguments.zoo)
    if getattr(subject.model, "block", None) is None:
        raise ValueError(f"Only an RSTG block has attention. Received: {arguments.model}")
    source, _ = open_test_set(arguments.data, arguments.split, config=subject.config)
    clip, label = read_clip(source, arguments.clip)
    scores = subject.model(clip[None])["probabilities"].numpy()[0]
    figure = draw_attention(
        clip,
        subject.model.attention(clip[None])[0],
        subject.model.block.graph,
        frames=arguments.frames,
        title=f"{source.class_names[label]}   (predicted: {source.class_names[scores.argmax()]}, "
        f"{scores.max():.0%})",
    )
    with written_whole(arguments.output) as part:
        figure.savefig(part, format="png", dpi=110)
    print(f"wrote {arguments.output}")
