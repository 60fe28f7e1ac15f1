import json
import os

import av
import pytest
import something_something as mini
from something_something import V1_CLASSES, V2_CLASSES, VIDEOS, label_of
from video_files import frames_of

from rstg_tf.data.videos import decode_video
from rstg_tf.data.videos.file_names import frames_in_order
from rstg_tf.data.videos.sources import list_videos
from rstg_tf.prediction.video_files import find_videos


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
        ("file,label\n", "must be path,label"),
        ("path;label\n1.mp4;a\n", "must be path,label.* not by semicolons"),
        ("path\tlabel\n1.mp4\ta\n", "must be path,label.* not by tabs"),
        ("path,label,Path\n1.mp4,a,2.mp4\n", "Line 1 names the column path twice"),
        ("path,label\n1.mp4,push, then pull\n", "Line 2 has 3 cells, the header 2"),
        ("path,label,split\n\n1.mp4,a\n", "Line 3 has 2 cells, the header 3"),
        ("path,label,split\n1.mp4,a,\n", "Line 2 has no split"),
        ("path,label,split\n1.mp4,a,eval\n", "Line 2 has a wrong split.* may mean more than one"),
        ('path,label\n1.mp4,a\n"2.mp4,b\n3.mp4,c\n', "Line 3 is no CSV .* quote may be left open"),
        ('path,label\n1.mp4,"a\n2.mp4,b"\n', "one line of characters.*line 2"),
        ('path,label\n1.mp4,"a"b\n', "Line 2 is no CSV"),
        (f"path,label\n1.mp4,{'a' * 200_000}\n", "Line 2 is no CSV .*field larger"),
        ("path,label\n1.mp4,a\n2.mp4,b\0\n", "Line 3 holds a byte 0"),
        ("path,label\n1.mp4,a\u2028b\n", "one line of characters.*line 2"),
        ("path,label\n1.mp4,\n", "Line 2 has no label"),
        ("path,label\n1.mp4\n", "Line 2 has no label"),
        ("path,label\n", "train split has no videos"),
        ("path,label\n1.mp4,a\n1.mp4,b\n", r"listed 2 times: 1\.mp4"),
    ],
)
def test_csv_that_can_not_be_used(text, message, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message) as raised:
        list_videos(path, "train")
    assert str(path) in str(raised.value)


def test_sources_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        list_videos(tmp_path / "none", "train")
    with pytest.raises(ValueError, match="must be a CSV file, a folder with"):
        list_videos(tmp_path, "train")
    with pytest.raises(ValueError, match="`format` must be one of"):
        list_videos(tmp_path, "train", format="zip")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,label\n1.mp4,é\n".encode("utf-16"), "in UTF-16"),
        ("path,label\n1.mp4,a\n2.mp4,é\n".encode("latin-1"), r"another encoding \(line 3"),
    ],
)
def test_csv_in_another_encoding(content, message, tmp_path):
    (tmp_path / "list.csv").write_bytes(content)
    for source in (tmp_path / "list.csv", tmp_path):
        with pytest.raises(ValueError, match=f"{message}.*Received: .*list.csv"):
            list_videos(source, "train")


def test_classes_that_are_numbers_have_one_order(tmp_path):
    touch(tmp_path, "10/1.mp4", "1/1.mp4", "01/1.mp4", "9/1.mp4")
    assert list_videos(tmp_path, "train").class_names == ["01", "1", "9", "10"]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffPath , LABEL\n1.mp4,a\n",
        "path,label\r1.mp4,a\r",
        "\r\npath,label\r\n\r\n , \r\n1.mp4, a \r\n",
        "path,label,,\n1.mp4,a,,\n",
        'label,path\n"a", "1.mp4"',
        f"path,label,note\n1.mp4,a,{','.join(['x' * 99_999])}\n",
    ],
)
def test_csv_as_other_programs_write_it(text, tmp_path):
    (tmp_path / "list.csv").write_text(text, encoding="utf-8", newline="")
    assert found(list_videos(tmp_path, "train")) == {"1.mp4": "a"}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/etc/passwd", "leads out"),
        ("../outside/1.mp4", "leads out"),
        ("a/../../outside/1.mp4", "leads out"),
        ("link/1.mp4", "leads out"),
        ("link.mp4", "leads out"),
        ("s3://bucket/1.mp4", "leads out"),
        ("http://host/1.mp4", "download it"),
        ("file:///etc/passwd", "download it"),
        ("~/1.mp4", "write the folder out"),
        (r"C:\videos\1.mp4", "path of Windows"),
        (r"a\1.mp4", "parted by /"),
        ('"a\nb.mp4"', "one line"),
    ],
)
def test_paths_of_a_csv_stay_below_the_source(path, reason, tmp_path):
    touch(tmp_path, "outside/1.mp4", "in/a/1.mp4")
    source = tmp_path / "in"
    (source / "link").symlink_to(tmp_path / "outside")
    (source / "link.mp4").symlink_to(tmp_path / "outside/1.mp4")
    for root in (source, tmp_path / "lists"):  # Beside the list, and with `videos`.
        touch(root, "train.csv")
        (root / "train.csv").write_text(f"path,label\na/1.mp4,x\n{path},x\n")
        with pytest.raises(ValueError, match=rf"Line 3 gives .*{reason}.*Received: .*train\.csv"):
            list_videos(root, "train", videos=source)
        if reason == "leads out":
            listed = list_videos(root, "train", videos=source, allow_outside=True)
            assert [video.path for video in listed.videos] == ["a/1.mp4", path]


def test_paths_that_only_seem_to_leave_the_source(tmp_path):
    touch(tmp_path, "a/1.mp4", "a/2.mp4", r"b\1.mp4", "..3.mp4")
    (tmp_path / "link").symlink_to("a")
    paths = [f"{tmp_path}/a/1.mp4", "link/../a/2.mp4", r"b\1.mp4", "..3.mp4"]
    (tmp_path / "train.csv").write_text("path,label\n" + "".join(f"{p},x\n" for p in paths))
    assert [video.path for video in list_videos(tmp_path, "train").videos] == paths


LEFTOVERS = [
    *("._1.mp4", ".DS_Store", ".hidden.mp4", "Thumbs.db", "desktop.ini", "~$1.mp4", "1.mp4~"),
    *("2.mp4.part", "3.crdownload", "#1.mp4#", ".~lock.1.mp4#"),
]
FOLDERS = [
    *("__MACOSX", ".AppleDouble", ".Trashes", ".Spotlight-V100", ".fseventsd", "$RECYCLE.BIN"),
    *(".ipynb_checkpoints", "@eaDir", ".git", "lost+found", ".cache/deep", ".hidden"),
    *("__pycache__", "unfinished-train", "1.mp4.download", "System Volume Information"),
]


def test_what_systems_leave_behind_is_no_data(tmp_path):
    touch(tmp_path, "push/1.mp4", "pull/2.MP4")
    touch(tmp_path, *(f"push/{name}" for name in LEFTOVERS))
    for folder in FOLDERS:
        touch(tmp_path, f"{folder}/1.mp4", f"push/{folder}/1.mp4", f"{folder}/push/1.mp4")
    touch(tmp_path, "failures.csv", "dataset_info.json", "s-train-00000-of-00004.tfrecord")
    listed = list_videos(tmp_path, "train")
    assert found(listed) == {"pull/2.MP4": "pull", "push/1.mp4": "push"}
    assert listed.notes == ()
    frames = frames_in_order([*LEFTOVERS, "._2.jpg", "10.JPG", "9.jpeg", "11.Jpg", "12.png"])
    assert frames == ["9.jpeg", "10.JPG", "11.Jpg"]
    assert find_videos([tmp_path]) == [tmp_path / "pull/2.MP4", tmp_path / "push/1.mp4"]


def test_what_is_left_out_is_told(tmp_path):
    touch(tmp_path, "a/1.mp4", "b/2.mp4", "c/notes.txt", "c/more.txt", "README", "a/x.xyz", "3.mp4")
    listed = list_videos(tmp_path, "train")
    assert listed.class_names == ["a", "b"]
    assert listed.notes == (
        "videos that lie in no folder of a class; left out: 1 .mp4 (3.mp4)",
        "left out: 2 .txt (c/more.txt, c/notes.txt), 1 without an ending (README), "
        "1 .xyz (a/x.xyz)",
        "folders without videos are no classes: c",
    )
    others = []
    assert len(find_videos([tmp_path], others)) == 3
    assert sorted(path.name for path in others) == ["README", "more.txt", "notes.txt", "x.xyz"]


# Endings by the format that FFmpeg writes into them.
ENDINGS = {
    "avi": "avi divx",
    "matroska": "mkv mk3d",
    "webm": "webm",
    "mov": "mov qt",
    "mp4": "mp4 m4v f4v insv ismv",
    "3gp": "3gp 3gpp 3g2 3gp2",
    "mpegts": "ts mts m2ts m2t tp trp",
    "mpeg": "mpg mpeg mpe",
    "vob": "vob m2p evo",
    "mpeg1video": "m1v",
    "mpeg2video": "m2v",
    "asf": "asf wmv",
    "flv": "flv",
    "ogg": "ogv ogm",
    "rm": "rm",
    "mxf": "mxf",
    "nut": "nut",
    "ivf": "ivf",
    "yuv4mpegpipe": "y4m",
    "gif": "gif",
    "apng": "apng",
    "h264": "h264 264 avc h26l",
    "hevc": "hevc h265 265",
    "h263": "h263",
    "mjpeg": "mjpg mjpeg",
}


def write_as(format, path):
    with av.open(str(path), "w", format=format) as container:
        name = "libvpx" if format == "ogg" else container.default_video_codec
        codec = av.Codec(name, "w")
        stream = container.add_stream(codec.name, rate=25)
        stream.width, stream.height = 176, 144
        stream.pix_fmt = codec.video_formats[0].name if codec.video_formats else "yuv420p"
        for frame in frames_of(3, 144, 176):
            picture = av.VideoFrame.from_ndarray(frame, "rgb24").reformat(format=stream.pix_fmt)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def test_every_ending_of_a_video_is_listed_by_every_command_and_read(tmp_path):
    (tmp_path / "a").mkdir()
    paths = []
    for format, endings in ENDINGS.items():
        write_as(format, tmp_path / "first")
        for number, ending in enumerate(endings.split()):
            paths.append(tmp_path / f"a/{len(paths)}.{ending if number % 2 else ending.upper()}")
            paths[-1].write_bytes((tmp_path / "first").read_bytes())
    listed = list_videos(tmp_path, "train")
    assert {video.path for video in listed.videos} == {f"a/{path.name}" for path in paths}
    assert find_videos([tmp_path]) == sorted(paths)
    for path in paths:
        assert len(decode_video(path).frames) == 3, path.name


def test_names_that_are_not_utf8_are_told_and_the_others_go_on(tmp_path):
    touch(tmp_path, "a/1.mp4", os.fsdecode(b"a/caf\xe9.mp4"))
    listed = list_videos(tmp_path, "train")
    assert found(listed) == {"a/1.mp4": "a"}
    assert r"not UTF-8, rename them; left out: 1 .mp4 (a/caf\xe9.mp4)" in " ".join(listed.notes)


@pytest.mark.parametrize(
    ("train", "validation"),
    [("train", "val"), ("Train", "VALID"), ("training", "validation"), ("TRAIN", "dev")],
)
def test_words_that_people_have_for_splits(train, validation, tmp_path):
    touch(tmp_path, f"folders/{train}/b/1.mp4", f"folders/{validation}/a/2.mp4")
    touch(tmp_path, "column/list.csv", f"files/{train}.csv")
    (tmp_path / "column/list.csv").write_text(
        f"path,label,split\n1.mp4,b, {train}\n2.mp4,a,{validation}\n"
    )
    (tmp_path / f"files/{train}.csv").write_text("path,label\n1.mp4,b\n")
    (tmp_path / f"files/{validation}.csv").write_text("path,label\n2.mp4,a\n")
    for source in ("folders", "column", "files"):
        for word in ("validation", validation):
            listed = list_videos(tmp_path / source, word)
            assert (listed.split, listed.class_names) == ("validation", ["a", "b"]), source
            assert [video.path[-5:] for video in listed.videos] == ["2.mp4"]
        with pytest.raises((ValueError, FileNotFoundError), match=r"test(\.csv| split has no vid)"):
            list_videos(tmp_path / source, "test")
    with pytest.raises(ValueError, match="'eval', which may mean more than one"):
        list_videos(tmp_path / "folders", "eval")


def test_a_list_of_another_split_is_none_of_this(tmp_path):
    (tmp_path / "val.csv").write_text("path,label\n1.mp4,a\n")
    with pytest.raises(FileNotFoundError, match=r"val\.csv\) is train\.csv"):
        list_videos(tmp_path, "train")
    listed = list_videos(tmp_path / "val.csv", "test")  # As some use it, and name it themselves.
    assert "val.csv is taken for the test split" in listed.notes
    (tmp_path / "Validation.csv").write_text("path,label\n1.mp4,a\n")
    with pytest.raises(ValueError, match="Several CSV files mean the validation split"):
        list_videos(tmp_path, "validation")


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["train/a/1.mp4", "val/a/2.mp4", "a/3.mp4"], r"splits \(train, val\) lie beside others"),
        (["train/a/1.mp4", "a/3.mp4"], r"splits \(train\) lie beside others \(a\)"),
        (["val/a/1.mp4", "validation/a/2.mp4"], "several folders mean the validation split"),
        (["train/1.mp4", "val/2.mp4"], r"called as splits \(train, val\)"),
        (["train_videos/a/1.mp4", "test_videos/a/2.mp4"], "called as splits"),
        (["eval/a/1.mp4"], r"called as splits \(eval\)"),
        (["a/1.mp4", "test/2.mp4"], "test lies beside folders of classes"),
        (["a/train/1.mp4", "a/val/2.mp4", "b/train/3.mp4"], "folder a holds train, val"),
        (["data/train/a/1.mp4", "data/test/a/1.mp4"], "folder data holds test, train"),
    ],
)
def test_folders_that_may_be_splits_or_classes(paths, message, tmp_path):
    touch(tmp_path, *paths)
    with pytest.raises(ValueError, match=f"not clear which .*{message}.*Name them train/CLASS"):
        list_videos(tmp_path, "train")


def test_a_class_may_be_called_as_a_split(tmp_path):
    touch(tmp_path, "car/1.mp4", "train/2.mp4")
    listed = list_videos(tmp_path, "train")
    assert (listed.class_names, listed.notes) == (
        ["car", "train"],
        ("the folder train is taken for a class",),
    )
    touch(tmp_path, "test/fast/2.mp4")
    (tmp_path / "labels.txt").write_text("train\ncar\ntest\n")
    assert list_videos(tmp_path, "train").class_names == ["train", "car", "test"]


def test_folders_beside_splits(tmp_path):
    touch(tmp_path, "train/a/1.mp4", "val/b/2.mp4", ".cache/x/3.mp4", "test_videos/4.mp4", "README")
    touch(tmp_path, "train/5.mp4")
    listed = list_videos(tmp_path, "train")
    assert found(listed) == {"train/a/1.mp4": "a"}
    assert listed.class_names == ["a", "b"]
    notes = " ".join(listed.notes)
    assert "the folder test_videos is left out" in notes
    assert "train/5.mp4" in notes
    assert "README" in notes


def test_other_csv_files_beside_folders(tmp_path):
    touch(tmp_path, "a/1.mp4", "b/2.mp4", "metadata.csv", "._train.csv")
    (tmp_path / "metadata.csv").write_text("name,age\nx,3\n")
    listed = list_videos(tmp_path, "train")
    assert listed.class_names == ["a", "b"]
    assert listed.notes == ("left out: 1 .csv (metadata.csv)",)
    with pytest.raises(ValueError, match="must be path,label"):
        list_videos(tmp_path, "train", format="csv")
    (tmp_path / "train.csv").write_text("path,label\na/1.mp4,x\n")
    listed = list_videos(tmp_path, "train")
    assert found(listed) == {"a/1.mp4": "x"}
    assert "not read: metadata.csv" in listed.notes
    with pytest.raises(ValueError, match="a CSV file with the columns path,label, it holds none"):
        list_videos(tmp_path / "a", "train", format="csv")


def test_each_real_folder_and_file_once(tmp_path):
    source = tmp_path / "source"
    touch(source, "b/1.mp4", "b/deep/2.mp4", "c/3.mp4", ".store/x/4.mp4")
    touch(tmp_path, "outside/5.mp4")
    for name, target in {
        "a": "b",  # Sorted before the folder itself.
        "b/deep/loop": "..",
        "b/self": "self",
        "b/up": "../..",
        "root": "/",
        "kept": ".store/x",
        "out": tmp_path / "outside",
        "out2": tmp_path / "outside",
        "nothing": "missing",
        "b/again.mp4": "1.mp4",
        "c/from_b.mp4": "../b/1.mp4",
        "b/broken.mp4": "missing.mp4",
    }.items():
        (source / name).symlink_to(target)
    os.link(source / "c/3.mp4", source / "c/hard.mp4")
    os.mkfifo(source / "b/pipe.mp4")
    with pytest.raises(ValueError, match=r"lead 1 .* out/5\.mp4, out of .*--allow-outside"):
        list_videos(source, "train")
    listed = list_videos(source, "train", allow_outside=True)
    assert found(listed) == {
        "b/1.mp4": "b",
        "b/broken.mp4": "b",
        "b/deep/2.mp4": "b",
        "c/3.mp4": "c",
        "c/from_b.mp4": "c",
        "kept/4.mp4": "kept",
        "out/5.mp4": "out",
    }
    assert [video.path for video in listed.videos] == sorted(found(listed))
    notes = " ".join(listed.notes)
    assert "b/again.mp4 is b/1.mp4, c/hard.mp4 is c/3.mp4" in notes
    assert "several classes or splits: b/1.mp4 (b), c/from_b.mp4 (c)" in notes


def test_a_folder_that_can_not_be_read_is_told(tmp_path, monkeypatch):
    touch(tmp_path, "a/1.mp4", "b/2.mp4")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("/b"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError, match=r"Permission denied: '.*/b'"):
        list_videos(tmp_path, "train")


@pytest.mark.parametrize(
    "character", ["\u2028", "\u0085", "\v", "\f", "\r", "\x1b", "\0", "\u202e"]
)
def test_class_names_are_one_line_that_can_be_seen(character, tmp_path):
    name = f"push{character}pull"
    touch(tmp_path, "lists/x/1.mp4", "csv/train.csv")
    labels = tmp_path / "lists/labels.txt"
    labels.write_text(f"x\n{name}\n", newline="")
    (tmp_path / "csv/train.csv").write_text(f'path,label\n1.mp4,"{name}"\n', newline="")
    sth = mini.write_v2(tmp_path / "sth", short_names=True) / "labels/labels.json"
    sth.write_text(json.dumps({name: "0"}))
    sources = ["lists", "csv", "sth"]
    if character != "\0":
        touch(tmp_path, f"folders/{name}/1.mp4", "folders/y/2.mp4")
        sources.append("folders")
    for source in sources:
        with pytest.raises(ValueError, match=r"one line of characters|holds a byte 0") as raised:
            list_videos(tmp_path / source, "train")
        assert str(raised.value).isprintable()


def test_label_files_end_lines_as_systems_do(tmp_path):
    touch(tmp_path, "push/1.mp4")
    (tmp_path / "labels.txt").write_bytes(b"\xef\xbb\xbfpull\r\n\r\n  push \r\n")
    assert list_videos(tmp_path, "train").class_names == ["pull", "push"]


@pytest.mark.parametrize(
    "names", [("Caf\u00e9", "Cafe\u0301"), ("push", "Push"), ("push", "push ")]
)
def test_classes_that_look_alike_are_told(names, tmp_path):
    touch(tmp_path, *(f"{name}/1.mp4" for name in names))
    (note,) = list_videos(tmp_path, "train").notes
    assert "differ only in case, spaces or Unicode normalisation" in note
    assert ascii(names[0]) in note
    (tmp_path / "labels.txt").write_text(names[0] + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match="it has one that differs in case, spaces or Unicode"):
        list_videos(tmp_path, "train")


def test_something_something_whose_labels_are_called_otherwise(tmp_path):
    folder = mini.write_v2(tmp_path, short_names=True)
    (folder / "labels").rename(folder / "Annotations")
    (folder / "Annotations/labels.json").rename(folder / "Annotations/Labels.JSON")
    assert list_videos(folder, "train").class_names == V2_CLASSES
    (folder / "Annotations/Labels.JSON").rename(folder / "Annotations/classes.json")
    with pytest.raises(ValueError, match=r"looks like Something-Something .*--format=folders"):
        list_videos(folder, "train")
    assert len(list_videos(folder, "train", format="folders").class_names) == 1


@pytest.mark.parametrize("ending", [".mp4", ".WEBM", ".avi"])
def test_something_something_encoded_again(ending, tmp_path):
    folder = mini.write_v2(tmp_path)
    for path in folder.glob("*/*.webm"):
        path.rename(path.with_suffix(ending))
    assert {video.path for video in list_videos(folder, "train").videos} == {
        f"{name}{ending}" for name in VIDEOS["train"]
    }


@pytest.mark.parametrize(
    "media_id", ["../../etc/passwd", "/etc/passwd", "http://host/x", "..", "a/b"]
)
def test_something_something_names_no_other_files(media_id, tmp_path):
    folder = mini.write_v2(tmp_path, short_names=True)
    rows = [{"id": media_id, "template": "Pushing [something]"}]
    (folder / "labels/train.json").write_text(json.dumps(rows))
    with pytest.raises(ValueError, match="train split lists a video"):
        list_videos(folder, "train")


@pytest.mark.parametrize(
    "text", ['"1;Pushing something\n', "1;Pushing something;2\n", "\0;Pushing something\n"]
)
def test_something_something_v1_lists_that_are_damaged(text, tmp_path):
    folder = mini.write_v1(tmp_path)
    (folder / "something-something-v1-train.csv").write_text(text)
    with pytest.raises(ValueError, match=r"Line 1 is damaged|lists a video"):
        list_videos(folder, "train")


def test_a_file_that_is_no_list(tmp_path):
    touch(tmp_path, "videos.zip")
    with pytest.raises(ValueError, match=r"is a CSV file, NAME\.csv\. Received: .*videos\.zip"):
        list_videos(tmp_path / "videos.zip", "train")


@pytest.mark.parametrize("folder", ["eval", "train_set", "test videos"])
def test_a_split_that_is_missing_says_which_folders_are_none(folder, tmp_path):
    touch(tmp_path, "train/a/1.mp4", "train/b/2.mp4", f"{folder}/a/3.mp4")
    with pytest.raises(ValueError, match=f"there are train; the folder {folder} is left out"):
        list_videos(tmp_path, "validation")
    assert f"the folder {folder} is left out" in " ".join(list_videos(tmp_path, "train").notes)
