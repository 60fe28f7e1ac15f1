import pytest

from rstg_tf.zoo.store import without_paths


@pytest.mark.parametrize(
    "text, expected",
    [
        ("python /home/me/a/pipelines/publish.py runs/a", "python publish.py runs/a"),
        (
            "--data=syncmnist:digits=3,mnist_path=/a/b/m.npz",
            "--data=syncmnist:digits=3,mnist_path=m.npz",
        ),
        ('{"input_path": "/data/videos"}', '{"input_path": "videos"}'),
        ("s3://bucket/videos/a https://host/a/b runs/a/b", None),
        ("on 5,000 clips/s of 1/4 width, 16/32 frames", None),
    ],
)
def test_only_absolute_paths_lose_their_folders(text, expected):
    assert without_paths(text) == (text if expected is None else expected)
