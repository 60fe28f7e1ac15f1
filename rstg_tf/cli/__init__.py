"""All commands: `rstg COMMAND`, and as scripts in `pipelines/` and `exports/`.

Each module has a few commands, functions whose docstrings are their help. They import TensorFlow
where they need it, so that help is there at once.
"""

import argparse
import shlex
import sys

import rstg_tf
from rstg_tf.cli import data, demo, describe, evaluate, predict, publish, serve, startup, train, zoo
from rstg_tf.cli.parser import Parser, add_group


def build_parser():
    """Returns the `Parser` of all commands."""
    parser = Parser(prog="rstg", description="Recurrent Space-time Graph networks for video.")
    parser.add_argument("--version", action="version", version=rstg_tf.__version__)
    parser.add_argument(
        "--print-completion",
        action=_PrintCompletion,
        choices=("bash", "zsh", "fish"),
        help="print what completes commands and options in this shell, and end",
    )
    group = add_group(parser)
    for module in (train, evaluate, predict, describe, publish, zoo, data, serve, demo):
        module.add_commands(group)
    return parser


def main(arguments=None, command=None):
    """Runs a command.

    Args:
        arguments: list of str, by default those of the process.
        command: what was typed to run it, to be recorded where the command records it.

    Returns:
        The exit code, an int. Bad input ends the process with one line and exit code 2.
    """
    startup.prepare()
    arguments = sys.argv[1:] if arguments is None else arguments
    parsed, parsed.unknown = build_parser().parse_known_args(arguments)
    if parsed.unknown and not parsed.passes_on:
        parsed.parser.refuse(parsed.unknown)
    parsed.command = command or shlex.join(["rstg", *arguments])
    with startup.one_line_errors(parsed.interrupted(parsed)):
        return parsed.run(parsed) or 0


class _PrintCompletion(argparse.Action):
    """Prints a script for a shell, where shtab is installed."""

    def __call__(self, parser, namespace, values, option_string=None):
        """Ends the process."""
        try:
            import shtab
        except ImportError:
            parser.error(f"{option_string} needs shtab (pip install shtab)")
        for one in parser.with_commands():
            for action in one._actions:
                if action.type is None and not action.choices:
                    action.complete = shtab.FILE
        print(shtab.complete(parser, values))
        parser.exit()
