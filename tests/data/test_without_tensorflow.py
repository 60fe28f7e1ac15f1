import pathlib
import subprocess
import sys

_BATCHES = """
import sys
sys.modules["tensorflow"] = None
from rstg_tf.data import Interactions, SyncMNIST
from rstg_tf.data.synthetic.trajectories import load_trajectories
for source in (Interactions(size=16, frames=3), SyncMNIST(digits=3, source="embedded")):
    clips, labels = source.batch(range(2))
    assert clips.shape == (2, *source.clip_shape)
assert not [name for name in sys.modules if name.startswith(("tensorflow.", "keras"))]
print("done")
"""


def test_generators_work_where_tensorflow_is_not_installed():
    done = subprocess.run(
        [sys.executable, "-c", _BATCHES],
        capture_output=True,
        text=True,
        cwd=pathlib.Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"
