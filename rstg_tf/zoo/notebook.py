"""The notebook of a published model: one template, filled in, executed, stored with its outputs."""

import json
import os
import pathlib
import re
import tempfile

from rstg_tf.files import written_whole

FILE_NAME = "evaluation.ipynb"
NUM_CLIPS = 500
SEED = 2_000_000  # Card and training take others.
MAX_BYTES = 1_000_000
_TEMPLATE = pathlib.Path(__file__).with_name("evaluation_notebook.py")
_CELL = re.compile(r"^# %%(?P<markdown> \[markdown\])?(?: tags=(?P<tags>\[.*\]))?$", re.MULTILINE)


def execute(entry, num_clips=NUM_CLIPS, seed=SEED, data=None, name=None, progress=True):
    """Writes `evaluation.ipynb` of an entry: the model measured on a fresh test set, with pictures.

    It runs in a process of its own. An entry that is in a manifest must get its checksums anew
    afterwards; `refresh` does both.

    Args:
        entry: folder of the entry, with its SavedModel, `config.yaml` and `metrics.json`.
        num_clips: clips of the test set.
        seed: seed of its clips, where they are generated.
        data: the test set, see `open_test_set`; by default the generator of `metrics.json`. Of a
            path, the notebook keeps the last part.
        name: what the entry is called; by default as its folder.
        progress: whether to show a progress bar over the cells.

    Returns:
        `pathlib.Path` of the notebook.

    Raises:
        FileNotFoundError: the folder is no entry, or has no figures.
        ValueError: the figures are of shards and there is no `data`, or more is stored than
            1 MB.
        RuntimeError: a cell failed; nothing is written.
    """
    import nbformat

    entry = pathlib.Path(entry).resolve()
    for file in ("saved_model.pb", "config.yaml", "metrics.json"):
        if not (entry / file).is_file():
            raise FileNotFoundError(
                f"A notebook is made of a published model with figures. Received: {entry}, "
                f"without {file}"
            )
    data = data or _generator_of(json.loads((entry / "metrics.json").read_text())["data"])
    notebook = _fill_in(name or entry.name, attention=_has_attention(entry))
    parameters = next(c for c in notebook.cells if "parameters" in c.metadata.get("tags", ()))
    values = {"NUM_CLIPS": num_clips, "SEED": seed}
    template = parameters.source
    parameters.source = _with_values(template, {**values, "DATA": _absolute(data)})
    _run(notebook, entry, progress)
    parameters.source = _with_values(template, {**values, "DATA": without_folders(data)})
    text = nbformat.writes(notebook) + "\n"
    if len(text.encode()) > MAX_BYTES:
        raise ValueError(
            f"The notebook of a published model takes at most {MAX_BYTES:,} bytes. "
            f"Received: {len(text.encode()):,} for {entry}"
        )
    with written_whole(entry / FILE_NAME) as part:
        part.write_text(text)
    return entry / FILE_NAME


def without_folders(text):
    """Replaces absolute paths of this machine in a text by their last parts."""
    return re.sub(r"(?<![\w.:/])/(?:[^\s/,:='\"]+/)+(?=[^\s/])", "", text)


def _generator_of(about):
    """The test set of `metrics.json`, as `open_test_set` takes it."""
    if "generator" not in about:
        raise ValueError(
            "The figures of this model are of shards: name a folder of them for its notebook, too "
            f"(--data). Received: shards {about.get('shards')!r}"
        )
    options = {name: value for name, value in about["options"].items() if value is not None}
    for name, value in options.items():
        if name in ("mnist_path", "trajectories") and not pathlib.Path(value).is_file():
            raise ValueError(
                f"The clips of this model's figures need a file: name it (--data="
                f"{about['generator']}:{name}=FILE). Received: {name}={value!r}, which is not here"
            )
    return f"{about['generator']}:" + ",".join(f"{k}={v}" for k, v in options.items())


def _absolute(data):
    """The test set, for a process that runs in another folder."""
    return str(pathlib.Path(data).resolve()) if pathlib.Path(data).is_dir() else data


def _has_attention(entry):
    """Whether the model of an entry has a block whose nodes listen to one another."""
    from rstg_tf.experiments import Experiment, apply_file

    model = apply_file(Experiment(), entry / "config.yaml").model
    head, backbone = model.head, model.backbone
    blocks = [getattr(head.get(), "graph_options", None)]
    if head.type == "rstg":
        blocks.append(head.rstg)
    if backbone.type == "video_resnet" and backbone.video_resnet.graphs:
        blocks.append(backbone.video_resnet.graph_options)
    return any(block is not None and block.variant != "time_only" for block in blocks)


def _fill_in(name, attention):
    """The template as a notebook; a model without attention has no cells about it."""
    import nbformat

    cells = _split(_TEMPLATE.read_text())
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    )
    for markdown, tags, source in cells:
        if "attention" in tags and not attention:
            continue
        make = nbformat.v4.new_markdown_cell if markdown else nbformat.v4.new_code_cell
        if markdown:
            source = re.sub(r"^# ?", "", source, flags=re.MULTILINE).replace("NAME", name)
        cell = make(source, metadata={"tags": tags} if tags else {})
        cell.id = f"cell-{len(notebook.cells)}"  # Those of nbformat are drawn at random.
        notebook.cells.append(cell)
    return notebook


def _split(text):
    """The cells of a script in the percent format: tuples of `(is markdown, tags, source)`."""
    marks = list(_CELL.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return [
        (
            mark["markdown"] is not None,
            json.loads(mark["tags"] or "[]"),
            text[mark.end() : end].strip(),
        )
        for mark, end in zip(marks, ends, strict=True)
    ]


def _with_values(source, values):
    """Sets the values of a cell of assignments; comments behind them stay."""
    for name, value in values.items():
        new = f"{value:_}" if isinstance(value, int) else json.dumps(value, ensure_ascii=False)
        source = re.sub(
            rf"^{name} = .*?(?=  #|$)",
            lambda _, name=name, new=new: f"{name} = {new}",
            source,
            flags=re.MULTILINE,
        )
    return source


def _run(notebook, entry, progress):
    """Executes a notebook in place, with what it prints but without what TensorFlow logs."""
    import nbclient
    from tqdm import tqdm
    from traitlets.config import Config

    total = sum(cell.cell_type == "code" for cell in notebook.cells)
    package = pathlib.Path(__file__).resolve().parents[2]
    paths = filter(None, [str(package), os.environ.get("PYTHONPATH")])
    with (
        tempfile.TemporaryDirectory() as scratch,
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
            resources={"metadata": {"path": str(entry)}},
            on_cell_executed=lambda **_: bar.update(),
        )
        try:
            client.execute(env=environment)
        except nbclient.exceptions.CellExecutionError as error:
            raise RuntimeError(
                f"The notebook of a published model must run. Received: {entry}, "
                f"{error.ename}: {error.evalue}"
            ) from error
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
