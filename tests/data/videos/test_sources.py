import json
import re

import pytest
import something_something as mini
from something_something import V1_CLASSES, V2_CLASSES, VIDEOS, label_of

from rstg_tf.data.videos.sources import list_videos


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def found(listed):
    return {video.path: listed.class_names[video.label] for video in listed.videos}


def test_csv_file(tmp_path):
    path = tmp_path / "My data" / "list.csv"
    touch(tmp_path, "My data/list.csv")
    path.write_text('path,label\na/1.mp4,walk\n"b, c.avi", run \n2.gif,walk\n')
    listed = list_videos(path, "train")
    assert found(listed) == {"a/1.mp4": "walk", "b, c.avi": "run", "2.gif": "walk"}
    assert (listed.name, listed.root) == ("My_data", str(path.parent))
    assert listed.class_names == ["run", "walk"]
    assert [video.media_id for video in listed.videos] == ["a/1.mp4", "b, c.avi", "2.gif"]


def test_csv_of_several_splits(tmp_path):
    (tmp_path / "all.csv").write_text("split,path,label\ntrain,1.mp4,10\ntest,2.mp4,9\n")
    assert found(list_videos(tmp_path, "train")) == {"1.mp4": "10"}
    listed = list_videos(tmp_path, "test")
    assert found(listed) == {"2.mp4": "9"}
    assert listed.class_names == ["9", "10"]  # Numbers in the order of their values.


def test_folder_of_csv_files_shares_its_classes(tmp_path):
    (tmp_path / "train.csv").write_text("path,label\n1.mp4,b\n")
    (tmp_path / "validation.csv").write_text("path,label\n2.mp4,a\n")
    assert list_videos(tmp_path, "train").class_names == ["a", "b"]
    assert found(list_videos(tmp_path, "validation")) == {"2.mp4": "a"}
    with pytest.raises(FileNotFoundError, match=r"None of the CSV files .*is test\.csv"):
        list_videos(tmp_path, "test")


def test_label_file_gives_the_order(tmp_path):
    touch(tmp_path, "walk/1.mp4", "run/2.MP4")
    (tmp_path / "labels.txt").write_text("walk\nsit\nrun\n")
    assert list_videos(tmp_path, "train").class_names == ["walk", "sit", "run"]
    other = tmp_path / "other"
    other.write_text("walk\n")
    with pytest.raises(ValueError, match=r"lacks 1 of the classes of the videos, as 'run'"):
        list_videos(tmp_path, "train", labels=other)
    other.write_text("walk\nwalk\n")
    with pytest.raises(ValueError, match="names 'walk' twice"):
        list_videos(tmp_path, "train", labels=other)


def test_class_folders(tmp_path):
    touch(tmp_path, "b/1.webm", "a/deep/1.mp4", "a/notes.txt", "1.mp4")
    listed = list_videos(tmp_path, "train")
    assert found(listed) == {"a/deep/1.mp4": "a", "b/1.webm": "b"}


def test_class_folders_in_splits(tmp_path):
    touch(tmp_path, "train/b/1.webm", "val/a/1.mp4", "test/b/1.mp4")
    listed = list_videos(tmp_path, "validation")
    assert found(listed) == {"val/a/1.mp4": "a"}
    assert listed.class_names == ["a", "b"]


def test_something_something_v1(tmp_path):
    listed = list_videos(mini.write_v1(tmp_path), "train")
    assert listed.name == "something_something_v1"
    assert listed.class_names == V1_CLASSES
    assert listed.image_rate == 12.0
    assert [(v.media_id, v.label) for v in listed.videos] == [
        (name, label_of(name)) for name in VIDEOS["train"]
    ]


@pytest.mark.parametrize("short_names", [False, True])
def test_something_something_v2(short_names, tmp_path):
    folder = mini.write_v2(tmp_path, short_names)
    listed = list_videos(folder, "validation")
    assert listed.name == "something_something_v2"
    assert listed.class_names == V2_CLASSES
    assert [(v.media_id, v.path, v.label) for v in listed.videos] == [
        (name, f"{name}.webm", label_of(name)) for name in VIDEOS["validation"]
    ]
    assert listed.root == str(folder / "20bn-something-something-v2")


def test_something_something_test_splits(tmp_path):
    mini.write_v1(tmp_path / "v1")
    mini.write_v2(tmp_path / "v2", short_names=True)
    for version in ("v1", "v2"):
        with pytest.raises(ValueError, match="test split gives no class"):
            list_videos(tmp_path / version, "test")
    answers = tmp_path / "v2/labels/test-answers.csv"
    answers.write_text(f"3;{V2_CLASSES[2]}\n")
    assert found(list_videos(tmp_path / "v2", "test")) == {"3.webm": V2_CLASSES[2]}


def test_something_something_elsewhere_or_incomplete(tmp_path):
    folder = mini.write_v2(tmp_path / "lists", short_names=True)
    elsewhere = tmp_path / "elsewhere"
    (folder / "20bn-something-something-v2").rename(elsewhere)
    with pytest.raises(FileNotFoundError, match=r"None of the first videos .* 71\.webm"):
        list_videos(folder, "train")
    assert list_videos(folder, "train", videos=elsewhere).root == str(elsewhere)
    (folder / "labels/train.json").write_text(json.dumps([{"id": "71", "template": "Flying"}]))
    with pytest.raises(ValueError, match=r"no class 'Flying', which .* gives to video 71"):
        list_videos(folder, "train", videos=elsewhere)
    (folder / "labels/train.json").write_text("[{]")
    with pytest.raises(ValueError, match=r"list of videos is damaged.*train\.json"):
        list_videos(folder, "train", videos=elsewhere)
    (folder / "labels/train.json").unlink()
    with pytest.raises(FileNotFoundError, match="lacks its file of train"):
        list_videos(folder, "train", videos=elsewhere)
    (folder / "labels/labels.json").write_text('{"Pushing something": "1"}')
    with pytest.raises(ValueError, match="label file is damaged"):
        list_videos(folder, "validation", videos=elsewhere)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be path,label"),
        ("file;label\n", "must be path,label"),
        ("path,label\n1.mp4,\n", "Line 2 has no label"),
        ("path,label\n1.mp4\n", "Line 2 has no label"),
        ("path,label\n", "train split has no videos"),
        ("path,label\n1.mp4,a\n1.mp4,b\n", r"listed 2 times: 1\.mp4"),
    ],
)
def test_csv_that_can_not_be_used(text, message, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"{message}.*Received: {re.escape(str(path))}"):
        list_videos(path, "train")


def test_sources_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        list_videos(tmp_path / "none", "train")
    with pytest.raises(ValueError, match="must be a CSV file, a folder with"):
        list_videos(tmp_path, "train")
    with pytest.raises(ValueError, match="`format` must be one of"):
        list_videos(tmp_path, "train", format="zip")
