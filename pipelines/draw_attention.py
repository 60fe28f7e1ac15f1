"""Draws which regions of a clip listen to which others, in a model with an RSTG block.

python pipelines/draw_attention.py interactions_rstg --data=interactions --output=strip.png
"""

import _startup

import argparse


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="folder of a training, published model, or SavedModel")
    parser.add_argument("--data", help="test set, as for pipelines/evaluate.py")
    parser.add_argument("--split", default="test", help="test (default), validation or train")
    parser.add_argument("--clip", type=int, default=0, help="number of the clip (default: 0)")
    parser.add_argument("--frames", type=int, default=6, help="frames to show (default: 6)")
    parser.add_argument("--zoo", help="folder of published models (default: model_zoo)")
    parser.add_argument("--output", required=True, help="picture to write, .png")
    arguments = parser.parse_args()
    with _startup.one_line_errors():
        run(arguments)


def run(arguments):
    from rstg_tf.evaluation.subject import load_subject
    from rstg_tf.evaluation.data import open_test_set, read_clip
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


if __name__ == "__main__":
    main()
