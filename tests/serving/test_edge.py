import re

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from closeness import assert_close

from rstg_tf.models import VideoClassifier
from rstg_tf.serving import edge

# Of probabilities: rounding of the weights.
LOSS = {"float32": 1e-5, "float16": 1e-3, "int8": 0.05}


def losses(report):
    """Dict from file to the difference that a report tells."""
    rows = re.findall(r"^\| (\w+\.\w+) \| [\d,]+ \| (\S+) \| \d of 8 \|$", report, re.MULTILINE)
    return {file: float(loss) for file, loss in rows}


def test_onnx_takes_clips_of_any_size(subject, settings, tmp_path):
    report = edge.export_onnx(subject, settings, tmp_path / "onnx")
    assert losses(report).keys() == {"classify_float32.onnx", "step_float32.onnx"}
    assert max(losses(report).values()) <= LOSS["float32"]
    assert report in (tmp_path / "onnx" / "report.md").read_text()
    session = onnxruntime.InferenceSession(str(tmp_path / "onnx" / "classify_float32.onnx"))
    assert [entry.name for entry in session.get_inputs()] == ["clips"]
    clips = np.random.default_rng(5).integers(0, 256, (3, 5, 40, 36, 3), np.uint8)
    (found,) = session.run(["logits"], {"clips": clips})
    assert_close(found, subject.model(clips)["logits"])
    with pytest.raises(FileExistsError, match="must not be there"):
        edge.export_onnx(subject, settings, tmp_path / "onnx")


@pytest.mark.parametrize("head", ["mean", "conv_lstm"])
def test_onnx_takes_the_controls_without_graph(subject, settings, tmp_path, head):
    backbone = {"filters": (4, 8, 8)}
    model = VideoClassifier(3, backbone_options=backbone, head=head, head_options={"units": 8})
    report = edge.export_onnx(subject._replace(model=model), settings, tmp_path / "onnx")
    assert max(losses(report).values()) <= LOSS["float32"]


def test_tflite_has_built_in_operations_only(subject, settings, clips, tmp_path):
    before = subject.model(clips)["logits"]
    report = edge.export_tflite(subject, settings, tmp_path / "tflite")
    found = losses(report)
    assert found.keys() == {f"{a}_{b}.tflite" for a in ("classify", "step") for b in LOSS}
    for file, loss in found.items():
        assert loss <= LOSS[re.search(r"_(\w+)\.", file)[1]], file
        interpreter = tf.lite.Interpreter(str(tmp_path / "tflite" / file))
        operations = {entry["op_name"] for entry in interpreter._get_ops_details()}
        assert not [name for name in operations if name.startswith(("Flex", "CUSTOM"))]
    assert (tmp_path / "tflite" / "labels.txt").read_text().split() == subject.class_names
    # The model itself is as it was.
    np.testing.assert_array_equal(subject.model(clips)["logits"], before)
