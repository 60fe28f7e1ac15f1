"""The notebook of a published model: one template, filled in, executed, stored with its outputs."""

import concurrent.futures
import functools
import json
import os
import pathlib
import re
import shutil
import signal

from rstg_tf.evaluation.data import FILE_OPTIONS
from rstg_tf.files import temporary_folder, written_whole
from rstg_tf.hub import records
from rstg_tf.hub.loading import load_classifier
from rstg_tf.zoo.store import size_of, without_paths

FILE_NAME = "evaluation.ipynb"
NUM_CLIPS = 500
SEED = 2_000_000  # Card and training take others.
MAX_BYTES = 1_000_000
_CELL = re.compile(r"^# %%( \[markdown\])?\n", re.MULTILINE)


def execute(
    entry,
    num_clips=NUM_CLIPS,
    seed=SEED,
    data=None,
    config=None,
    name=None,
    model=None,
    progress=True,
):
    """Runs `evaluation.ipynb` on a fresh test set in its own process, and writes it into the entry.

    The test set is by default the generator of `metrics.json` or the shards of `config`, which
    knows the paths on this machine. The manifest is not updated: `completing.complete` does both.
    Raises `RuntimeError` if a cell fails, and `ValueError` if clips are missing or the notebook
    exceeds 1 MB.
    """
    import nbformat

    entry = pathlib.Path(entry).resolve()
    for file in ("saved_model.pb", "config.yaml", "metrics.json"):
        if not (entry / file).is_file():
            raise FileNotFoundError(
                f"A notebook is made of a published model with figures. Received: {entry}, "
                f"without {file}"
            )
    if data is None:
        data = _test_set(records.read_metrics(entry / "metrics.json")["data"], config)
    model = model or load_classifier(entry)
    attends = any(block.variant != "time_only" for block in model.blocks.values())
    values = {
        "name": name or entry.name,
        "num_clips": num_clips,
        "seed": seed,
        "attention": attends,
    }
    with temporary_folder(size_of(entry)) as scratch:
        # On its way into a zoo an entry has neither its name nor its checksums, so that
        # `load_model` would refuse it there.
        copy = shutil.copytree(entry, pathlib.Path(scratch, "entry"))
        notebook = _fill_in(entry=str(copy), data=data, **values)
        _run(notebook, progress)
    stored = _fill_in(entry=".", data=without_paths(data), **values)
    for cell, other in zip(notebook.cells, stored.cells, strict=True):
        cell.source = other.source
    text = nbformat.writes(notebook) + "\n"
    if len(text.encode()) > MAX_BYTES:
        raise ValueError(
            f"The notebook of a published model takes at most {MAX_BYTES:,} bytes. "
            f"Received: {len(text.encode()):,} for {entry}"
        )
    with written_whole(entry / FILE_NAME) as part:
        part.write_text(text)
    return entry / FILE_NAME


def _test_set(about, config):
    """Clips like those of the figures, `about` in `metrics.json`, as `open_test_set` takes them."""
    section = config and config.validation_data
    if "generator" not in about:
        if section and section.input_path:
            return section.input_path
        raise ValueError(
            "The figures of this model are of shards: name a folder of them for its notebook, too "
            f"(--data). Received: shards {about.get('shards')!r}"
        )
    kind, options = about["generator"], {}
    for name, value in about.get("options", {}).items():
        if name in FILE_OPTIONS and value:
            value = section and getattr(section.source.get(), name, None)
            if not value:
                raise ValueError(
                    "The clips of this model's figures need a file that an entry does not hold: "
                    f"name it (--data={kind}:{name}=FILE). Received: {about['options'][name]!r}"
                )
        if value is not None:
            options[name] = value
    return f"{kind}:" + ",".join(f"{name}={value}" for name, value in options.items())


def _fill_in(**values):
    """The template, a script in the percent format, as a notebook."""
    import jinja2
    import nbformat

    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("rstg_tf.zoo"),
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    templates.filters["quoted"] = functools.partial(json.dumps, ensure_ascii=False)
    text = templates.get_template("evaluation.py.j2").render(values)
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    )
    _, *parts = _CELL.split(text)
    for markdown, source in zip(parts[::2], parts[1::2], strict=True):
        make = nbformat.v4.new_markdown_cell if markdown else nbformat.v4.new_code_cell
        if markdown:
            source = re.sub(r"^# ?", "", source, flags=re.MULTILINE)
        cell = make(source.strip())
        cell.id = f"cell-{len(notebook.cells)}"  # Those of nbformat are drawn at random.
        notebook.cells.append(cell)
    return notebook


def _run(notebook, progress):
    """Executes a notebook in place, with what it prints but without what TensorFlow logs."""
    import nbclient
    from tqdm import tqdm
    from traitlets.config import Config

    total = sum(cell.cell_type == "code" for cell in notebook.cells)
    package = pathlib.Path(__file__).resolve().parents[2]
    paths = filter(None, [str(package), os.environ.get("PYTHONPATH")])
    with (
        temporary_folder() as scratch,
        tqdm(total=total, unit="cell", desc="notebook", disable=not progress) as bar,
    ):
        connection = str(pathlib.Path(scratch, "kernel.json"))
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONWARNINGS": "ignore",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "IPYTHONDIR": scratch,  # No start-up files of the user.
        }
        client = nbclient.NotebookClient(
            notebook,
            kernel_name="python3",
            config=Config(ConnectionFileMixin={"transport": "ipc", "connection_file": connection}),
            record_timing=False,
            on_cell_executed=lambda **_: bar.update(),
        )
        try:
            _execute(client, environment)
        except nbclient.exceptions.CellExecutionError as error:
            raise RuntimeError(
                "The notebook of a published model must run. "
                f"Received: {error.ename}: {error.evalue}"
            ) from error
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]


def _execute(client, environment):
    """Executes in a thread of its own: in the main one, nbclient would take the signals over."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        try:
            pool.submit(client.execute, env=environment).result()
        except KeyboardInterrupt:
            if client.km and client.km.has_kernel:
                os.kill(client.km.provisioner.pid, signal.SIGKILL)
            raise
