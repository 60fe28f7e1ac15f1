"""Runs tasks by Apache Beam: in this process, or wherever its flags say."""

import argparse
import functools
import os
import pickle
import tempfile

_HERE = ("DirectRunner", "FnApiRunner")


def run_tasks(function, tasks, flags=()):
    """Calls `function`, which workers can import and may call again, for each picklable task.

    Without `--runner`, or with `--runner=DirectRunner`, Apache Beam's `flags` run tasks here, in
    threads, one per core. Raises ValueError for a wrong flag, and OSError if a task can't read or
    write a file.
    """
    import apache_beam

    options, runner = _options_and_runner(flags)
    # Beam would wrap errors of files and memory, and print them with its own frames.
    with tempfile.TemporaryDirectory() as errors:
        try:
            with apache_beam.Pipeline(runner=runner, options=options) as pipeline:
                created = pipeline | "Tasks" >> apache_beam.Create(tasks, reshuffle=False)
                spread = created | "Spread" >> apache_beam.Reshuffle()
                _ = spread | "Run" >> apache_beam.Map(functools.partial(_run, function, errors))
        except RuntimeError as error:
            if not isinstance(runner, str):
                raise
            reason = str(error).strip().splitlines()[-1:]
            raise OSError(f"A worker of {runner} failed ({''.join(reason)}).") from error
        _raise_first(errors)


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


def _run(function, errors, task):
    """Calls the function; on this machine its error is left in a folder, elsewhere Beam has it."""
    if not os.path.isdir(errors):
        function(task)
    elif not os.listdir(errors):  # After an error the rest is left alone.
        try:
            function(task)
        except (OSError, MemoryError) as error:
            if type(error).__module__ != "builtins":  # Such as those of PyAV.
                error = OSError(str(error))
            file, _ = tempfile.mkstemp(dir=errors)
            with open(file, "wb") as opened:
                pickle.dump(error, opened)


def _raise_first(errors):
    for name in os.listdir(errors):
        with open(os.path.join(errors, name), "rb") as file:
            raise pickle.load(file)
