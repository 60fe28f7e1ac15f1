"""Publishes a network of the authors' released code from its TensorFlow 1 checkpoint.

    python pipelines/convert_checkpoint.py --config=CONFIG.yaml --checkpoint=MODEL.ckpt \\
        --output=model_zoo/NAME --labels=LABELS.txt

CONFIG is the authors' YAML file, or one of their experiments: c2d, rstg_c2d, i3d, i3d_nl, rstg_vec,
rstg_res2, rstg_res3, rstg_res4, rstg_res3_4. Every variable must find its place; otherwise all that
is left on either side is listed and nothing is written.
"""

import _startup

import argparse


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", required=True, help="YAML file, or name of an experiment")
    parser.add_argument("--checkpoint", required=True, help="prefix of the checkpoint's files")
    parser.add_argument("--output", required=True, help="folder of the entry: model_zoo/NAME")
    parser.add_argument("--labels", help="names of the classes: one a line, or JSON name: number")
    parser.add_argument("--overwrite", action="store_true", help="replace an entry of this name")
    arguments = parser.parse_args()
    with _startup.one_line_errors():
        run(arguments)


def run(arguments):
    from rstg_tf.zoo import publish_conversion

    entry = publish_conversion(
        arguments.config,
        arguments.checkpoint,
        arguments.output,
        labels=arguments.labels,
        overwrite=arguments.overwrite,
    )
    print(f"published {entry}")


if __name__ == "__main__":
    main()
