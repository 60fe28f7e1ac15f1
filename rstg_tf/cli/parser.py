"""The parser of every command: errors in one line, and old spellings that still work."""

import argparse
import difflib
import inspect
import sys

from rstg_tf.text import printable


class Parser(argparse.ArgumentParser):
    """A parser that ends on bad input with one line and exit code 2.

    Options with underscores, or by an old name (`renamed`, a dict from old to new), work with a
    warning.
    """

    def __init__(self, renamed=None, **options):
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **options)
        self.renamed = renamed or {}

    def parse_known_args(self, args=None, namespace=None):
        """Parses arguments, in which old spellings are replaced."""
        args = list(sys.argv[1:] if args is None else args)
        end = args.index("--") if "--" in args else len(args)
        args = [self._of_today(one) for one in args[:end]] + args[end:]
        return super().parse_known_args(args, namespace)

    def error(self, message):
        """Ends the process."""
        print(f"error: {printable(message)}; see {self.prog} --help", file=sys.stderr)
        self.exit(2)

    def with_commands(self):
        """Yields this parser and those of its commands."""
        yield self
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                for parser in action.choices.values():
                    yield from parser.with_commands()

    def refuse(self, unknown):
        """Ends the process over arguments that no option takes; names the closest options."""
        names = [one.partition("=")[0] for one in unknown]
        known = [name for name in self._option_string_actions if name.startswith("--")]
        close = [found for name in names for found in difflib.get_close_matches(name, known, 2)]
        closest = f"; the closest are {', '.join(dict.fromkeys(close))}" if close else ""
        self.error(f"unrecognized arguments: {' '.join(unknown)}{closest}")

    def _of_today(self, argument):
        name, equals, value = argument.partition("=")
        known = self._option_string_actions
        new = name.replace("_", "-")
        new = self.renamed.get(new, new)
        if not name.startswith("--") or name in known or new not in known:
            return argument
        warn_renamed(name, new)
        return new + equals + value


def add_group(parser, **options):
    """Adds commands to a parser; `add_command` fills them."""
    return parser.add_subparsers(title="commands", metavar="COMMAND", required=True, **options)


def add_command(group, name, run, renamed=None):
    """Adds a command, whose help is the docstring of `run`, and returns its `Parser`.

    `run` takes the parsed arguments and returns the exit code, None for 0; see `Parser` for
    `renamed`.
    """
    text = inspect.getdoc(run)
    parser = group.add_parser(name, help=text.partition("\n")[0], description=text, renamed=renamed)
    parser.set_defaults(run=run, parser=parser, passes_on=False, interrupted=_interrupted)
    return parser


def warn_renamed(old, new):
    """Says in one line that an old spelling was taken."""
    print(f"note: {old} is now {new}", file=sys.stderr)


def _interrupted(_):
    return "interrupted"
