"""Evaluates a model on clips that it was not trained on.

    python pipelines/evaluate.py runs/interactions_rstg --data=interactions
    python pipelines/evaluate.py interactions_rstg --data=interactions:difficulty=1.0
    python pipelines/evaluate.py model_zoo/sync5_rstg_alltemp --data=SHARDS --num_clips=5000
    python pipelines/evaluate.py runs/rstg_res3_4 --data=s3://bucket/shards --eval=dense

Prints the figures and a table of classes, and writes metrics.json, per_class.csv and
confusion_matrix.png.
"""

import _startup

import argparse
import pathlib
import shlex
import sys


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="folder of a training, published model, or SavedModel")
    parser.add_argument(
        "--data",
        help="folder of shards (local, s3:// or gs://), or a generator: interactions, "
        "syncmnist:digits=5,z_order=authors (default, also of the options: what the model was "
        "trained on)",
    )
    parser.add_argument("--split", default="test", help="test (default), validation or train")
    parser.add_argument(
        "--num_clips", "--num-clips", type=int, help="default: all shards, or 2,000"
    )
    parser.add_argument("--seed", type=int, help="of generated clips (default: one of its own)")
    parser.add_argument("--batch_size", "--batch-size", type=int, default=32)
    parser.add_argument(
        "--eval",
        default="single",
        help="single (default): one view a clip; dense: 11 crops x 2 samplings in time of videos "
        "stored whole, logits averaged; --batch_size bounds how many are in memory",
    )
    parser.add_argument(
        "--clips",
        help="how clips are taken from videos stored whole: frames=32,size=224,short_side=256 "
        "(default: as in the training)",
    )
    parser.add_argument(
        "--on-corrupt",
        "--on_corrupt",
        default="error",
        help="at a damaged record of shards: error (default), or skip and count it",
    )
    parser.add_argument("--zoo", help="folder of published models (default: model_zoo)")
    parser.add_argument(
        "--output",
        help="folder to write (default: evaluations/ in a training's folder, else "
        "runs/evaluations/MODEL)",
    )
    arguments = parser.parse_args()
    with _startup.one_line_errors():
        run(arguments)


def run(arguments):
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
        clips=arguments.clips,
        on_corrupt=arguments.on_corrupt,
        command=shlex.join(["python", "pipelines/evaluate.py", *sys.argv[1:]]),
    )
    about = report.details["data"]
    output = arguments.output or subject.output / f"{about['name']}-{about['split']}"
    written = report.save(pathlib.Path(output)).parent
    print(report)
    if about.get("skipped_records"):
        print(f"\nskipped {about['skipped_records']} damaged record(s)")
    print("\nwrote", printable(written))


if __name__ == "__main__":
    main()
