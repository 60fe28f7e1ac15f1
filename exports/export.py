"""Exports a model for TensorFlow Serving, TensorFlow Lite or ONNX.

python exports/export.py interactions_rstg
python exports/export.py runs/rstg_res3_4 --output=served --version=7 --keep=5
python exports/export.py interactions_rstg --format=tflite

Writes OUTPUT/NAME/VERSION, whole or not at all; a server that watches the folder takes it over.
Of the other formats OUTPUT/NAME-FORMAT.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "pipelines"))
import _startup

import argparse


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="folder of a training, published model, or SavedModel")
    parser.add_argument(
        "--output", default="exports/models", help="folder of models (default: exports/models)"
    )
    parser.add_argument(
        "--format",
        choices=("serving", "tflite", "onnx"),
        default="serving",
        help="default: serving",
    )
    parser.add_argument("--version", type=int, help="number of the version (default: the next)")
    parser.add_argument(
        "--keep", type=int, default=3, help="versions that stay, this one included (default: 3)"
    )
    parser.add_argument("--top", type=int, default=5, help="classes of an answer (default: 5)")
    parser.add_argument("--frames", type=int, help="frames of a clip (default: as trained)")
    parser.add_argument("--size", type=int, help="pixels of a clip (default: as trained)")
    parser.add_argument(
        "--short-side", "--short_side", type=int, help="of the whole frame (default: as trained)"
    )
    parser.add_argument(
        "--max-frames",
        "--max_frames",
        type=int,
        default=256,
        help="a request with more frames of a clip is refused (default: 256)",
    )
    parser.add_argument(
        "--max-megapixels",
        "--max_megapixels",
        type=int,
        default=256,
        help="million pixels of all encoded frames of a request (default: 256)",
    )
    parser.add_argument(
        "--max-clip-megapixels",
        "--max_clip_megapixels",
        type=int,
        default=32,
        help="million pixels that the model may see in a request (default: 32)",
    )
    parser.add_argument("--zoo", help="folder of published models (default: model_zoo)")
    arguments = parser.parse_args()
    with _startup.one_line_errors():
        run(arguments)


def run(arguments):
    from rstg_tf.evaluation.subject import load_subject
    from rstg_tf.serving import edge, export_model
    from rstg_tf.serving.settings import settings_of
    from rstg_tf.serving.exporting import check_version

    name = pathlib.Path(arguments.model).resolve().name
    output = pathlib.Path(arguments.output) / name
    if arguments.format == "serving":
        check_version(output, arguments.version, arguments.keep)
    else:
        output = output.with_name(f"{name}-{arguments.format}")
        edge.check_folder(output)
    subject = load_subject(arguments.model, arguments.zoo)
    settings = settings_of(
        subject,
        arguments.frames,
        arguments.size,
        arguments.short_side,
        top=arguments.top,
        max_frames=arguments.max_frames,
        max_megapixels=arguments.max_megapixels,
        max_clip_megapixels=arguments.max_clip_megapixels,
    )
    if arguments.format == "serving":
        output = export_model(subject, settings, output, arguments.version, arguments.keep)
    else:
        export = edge.export_tflite if arguments.format == "tflite" else edge.export_onnx
        print(export(subject, settings, output), end="\n\n")
    print("wrote", output)


if __name__ == "__main__":
    main()
