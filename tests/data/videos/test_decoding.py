import re

import numpy as np
import pytest
from video_files import CODECS, frames_of, numbers, write_video

from rstg_tf.data.videos import VideoError, VideoReader, decode_video

COUNT = 12


@pytest.mark.parametrize("suffix", CODECS)
def test_every_frame_of_every_format(suffix, tmp_path):
    frames = frames_of(COUNT)
    path = write_video(tmp_path / f"video.{suffix}", frames)
    decoded = decode_video(path)
    assert decoded.frames.shape == frames.shape
    assert decoded.frames.dtype == np.uint8
    assert numbers(decoded.frames) == list(range(COUNT))
    red = decoded.frames[:, 4, 4].astype(int)
    assert (red[:, 0] > 200).all() and (red[:, 1:] < 60).all()  # Red comes first.
    assert decoded.frame_rate == pytest.approx(12, rel=0.02)


def test_bytes_are_decoded_as_the_file_is(tmp_path):
    path = write_video(tmp_path / "video.mp4", frames_of(COUNT))
    np.testing.assert_array_equal(
        decode_video(path.read_bytes()).frames, decode_video(str(path)).frames
    )


@pytest.mark.parametrize("suffix", ["webm", "mp4", "avi"])
@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (12, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        (6, [1, 3, 5, 7, 9, 11]),
        (24, sorted(2 * list(range(COUNT)))),
        (5, [1, 3, 6, 8, 10]),
        (0.1, [11]),
    ],
)
def test_another_frame_rate(suffix, rate, expected, tmp_path):
    path = write_video(tmp_path / f"video.{suffix}", frames_of(COUNT))
    decoded = decode_video(path, frame_rate=rate)
    assert numbers(decoded.frames) == expected
    assert decoded.frame_rate == rate


@pytest.mark.parametrize("suffix", ["webm", "mp4", "mkv"])
def test_variable_rate_goes_by_time(suffix, tmp_path):
    # Ten a second, then one stands for half a second, then ten a second.
    times = [0, 100, 200, 300, 800, 900, 1000]
    path = write_video(tmp_path / f"video.{suffix}", frames_of(7), 10, times)
    # Asked at 50, 150, ... ms.  The last is shown for as long as the encoder says, 0.1 s or more.
    got = numbers(decode_video(path, frame_rate=10).frames)
    assert got[:11] == [0, 1, 2, 3, 3, 3, 3, 3, 4, 5, 6]
    assert set(got[11:]) <= {6}
    everything = decode_video(path)
    assert numbers(everything.frames) == list(range(7))
    assert everything.frame_rate == pytest.approx(7 / 1.1, rel=0.1)


@pytest.mark.parametrize(("degrees", "corner"), [(90, "bl"), (-90, "tr"), (180, "br"), (0, "tl")])
def test_turned_videos_are_upright(degrees, corner, tmp_path):
    path = write_video(tmp_path / "video.mp4", frames_of(3), rotation=degrees)
    frames = decode_video(path).frames
    assert frames.shape[1:3] == ((64, 48) if degrees % 180 else (48, 64))
    row = 4 if corner[0] == "t" else -5
    column = 4 if corner[1] == "l" else -5
    assert frames[0, row, column, 0] > 200 and frames[0, row, column, 2] < 60
    assert decode_video(path, short_side=24).frames.shape[1:3] == (
        (32, 24) if degrees % 180 else (24, 32)
    )


@pytest.mark.parametrize(("short", "size"), [(24, (24, 32)), (96, (96, 128)), (48, (48, 64))])
def test_short_side(short, size, tmp_path):
    path = write_video(tmp_path / "video.webm", frames_of(4))
    decoded = decode_video(path, short_side=short)
    assert decoded.frames.shape[1:3] == size
    assert numbers(decoded.frames) == [0, 1, 2, 3]


def test_a_film_is_read_frame_by_frame(tmp_path):
    path = write_video(tmp_path / "video.webm", frames_of(COUNT))
    with VideoReader(path, frame_rate=24) as reader:
        first = next(iter(reader))
        assert first.shape == (48, 64, 3)
    with VideoReader(path) as reader:
        assert sum(1 for _ in reader) == COUNT
        assert reader.duration == pytest.approx(1.0, abs=0.01)


def cut(content):
    return content[: len(content) * 2 // 3]


def spoil(content):
    middle = len(content) // 2
    wrong = bytes(byte ^ 0xFF for byte in content[middle : middle + 40])
    return content[:middle] + wrong + content[middle + 40 :]


@pytest.mark.parametrize("suffix", ["webm", "mp4", "mkv", "avi"])
def test_cut_files_are_errors(suffix, tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (COUNT, 48, 64, 3), np.uint8)
    path = write_video(tmp_path / f"video.{suffix}", frames)
    path.write_bytes(cut(path.read_bytes()))
    with pytest.raises(VideoError, match=rf"can't be decoded: .*Received: {re.escape(str(path))}"):
        decode_video(path)


def test_a_damaged_frame_is_named(tmp_path):
    path = write_video(tmp_path / "video.webm", frames_of(COUNT))
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(VideoError, match=r"frame \d+ can't be read"):
        decode_video(path)


@pytest.mark.parametrize("content", [b"", b"no video" * 99])
def test_what_is_no_video(content, tmp_path):
    path = tmp_path / "video.mp4"
    path.write_bytes(content)
    with pytest.raises(VideoError, match="can't be decoded"):
        decode_video(path)
    with pytest.raises(VideoError, match="no such file"):
        decode_video(tmp_path / "none.mp4")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frame_rate": 0}, "`frame_rate` must be above 0.*Received: 0"),
        ({"short_side": 2}, "`short_side` must be from 8.*Received: 2"),
    ],
)
def test_wrong_wishes(options, message, tmp_path):
    path = write_video(tmp_path / "video.mp4", frames_of(2))
    with pytest.raises(ValueError, match=message):
        decode_video(path, **options)
