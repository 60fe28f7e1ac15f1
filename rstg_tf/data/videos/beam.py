"""Runs tasks by Apache Beam: in this process, or wherever its flags say."""

import argparse
import builtins
import contextlib
import functools
import re

_HERE = ("DirectRunner", "FnApiRunner")


def run_tasks(function, tasks, flags=()):
    """Calls a function once for each task, side by side.

    Args:
        function: A function of a module that workers can import. What it does must come out the
            same if a runner calls it again.
        tasks: List of what can be pickled.
        flags: Flags of Apache Beam, list of str. Without `--runner`, or with
            `--runner=DirectRunner`, tasks run here: in threads, one for each core
            (`--direct_num_workers`, `--direct_running_mode`).

    Raises:
        ValueError: A flag is unknown to Beam or has a wrong value.
        OSError: A file can't be read or written by a task.
    """
    import apache_beam

    options, runner = _options_and_runner(flags)
    with _errors_of_tasks(), apache_beam.Pipeline(runner=runner, options=options) as pipeline:
        created = pipeline | "Tasks" >> apache_beam.Create(tasks, reshuffle=False)
        spread = created | "Spread" >> apache_beam.Reshuffle()
        _ = spread | "Run" >> apache_beam.Map(functools.partial(_run, function))


def check_flags(flags):
    """Raises a ValueError where a flag is unknown to Beam or has a wrong value."""
    _options_and_runner(flags)


def _options_and_runner(flags):
    from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

    flags = list(flags)
    _check_known(flags)
    options = PipelineOptions(flags)
    named = options.view_as(StandardOptions).runner
    if named is not None and named not in _HERE:
        return options, named
    # DirectRunner itself first looks for a server of another language to download.
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    direct = {"direct_num_workers": "0", "direct_running_mode": "multi_threading"}
    given = {flag.split("=")[0].lstrip("-") for flag in flags}
    flags += [f"--{name}={value}" for name, value in direct.items() if name not in given]
    return PipelineOptions(flags), FnApiRunner()


def _check_known(flags):
    from apache_beam.options.pipeline_options import PipelineOptions

    parser = argparse.ArgumentParser(
        add_help=False, allow_abbrev=False, exit_on_error=False, conflict_handler="resolve"
    )
    for options in PipelineOptions.__subclasses__():
        options._add_argparse_args(parser)
    try:
        _, unknown = parser.parse_known_args(flags)
    except (argparse.ArgumentError, SystemExit) as error:
        raise ValueError(f"A flag of Apache Beam has a wrong value ({error}).") from error
    if unknown:
        raise ValueError(
            f"Neither this command nor Apache Beam has such a flag. Received: {' '.join(unknown)}"
        )


# Errors of tasks that run in the process that waits for them; None in all others.
_errors_here = None


def _run(function, task):
    if _errors_here is None:
        function(task)
    elif not _errors_here:  # After an error the rest is left alone.
        try:
            function(task)
        except (OSError, MemoryError) as error:
            _errors_here.append(error)


@contextlib.contextmanager
def _errors_of_tasks():
    """Raises errors of files and memory, which Beam would print and wrap with its own frames."""
    global _errors_here
    _errors_here = []
    try:
        yield
        if _errors_here:
            raise _errors_here[0]
    except RuntimeError as error:
        found = _of_worker(error)
        if found is None:
            raise
        raise found from error
    finally:
        _errors_here = None


def _of_worker(error):
    """The error of a file or of memory that Beam wrote into the text of its own, or None."""
    written = r"^(?:RuntimeError: )?(?:[\w.]+\.)?(\w+)(?:: (.*?))?(?: \[while running .*)?$"
    for name, message in reversed(re.findall(written, str(error), re.MULTILINE)):
        kind = getattr(builtins, name, None)
        if isinstance(kind, type) and issubclass(kind, (OSError, MemoryError)):
            return (MemoryError if issubclass(kind, MemoryError) else OSError)(message)
    return None
