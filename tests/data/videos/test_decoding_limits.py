"""What a video may open and how large it may be; whatever else comes is told as a VideoError."""

import os
import struct

import pytest
from video_files import ffmpeg

from rstg_tf.data.videos import VideoError, VideoLimits, decode_video, decoding

H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")
SDP = b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 50614 RTP/AVP 96\n"


def gif(width, height, frames=1):
    image = struct.pack("<HHHH", 0, 0, width, height) + b"\0\x02\x02\x44\x01\0"
    one = b"!\xf9\x04\0\x0a\0\0\0," + image
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\x80" + bytes(8) + frames * one + b";"


def reason_of(source, **options):
    with pytest.raises(VideoError) as caught:
        decode_video(source, **options)
    return caught.value.reason


def test_frames_are_measured_before_memory_is_taken():
    assert "the 33,554,432 that are allowed" in reason_of(gif(16000, 16000))
    assert "shown at 224 x" in reason_of(gif(1, 65535), short_side=224)
    small = VideoLimits(frame_pixels=99, array_pixels=250)
    assert "10 x 10 pixels, where 99 are allowed" in reason_of(gif(10, 10), limits=small)
    assert "more than 250 pixels" in reason_of(gif(9, 9, frames=5), limits=small)
    assert decode_video(gif(9, 9, frames=3), limits=small).frames.shape == (3, 9, 9, 3)


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ("frames=4", "more than 4 frames"),
        ("pixels=400", "400 pixels"),
        ("seconds=0.3", "longer than 0.3 s"),
    ],
)
def test_a_long_video_is_told_once_it_is_too_long(limit, reason):
    assert reason in reason_of(gif(9, 9, frames=9), limits=VideoLimits.of([limit]))
    with pytest.raises(VideoError, match="more than 50 frames"):
        decode_video(gif(9, 9, frames=9), frame_rate=1000, limits=VideoLimits(frames=50))


def test_a_small_file_may_not_stand_for_a_long_film(monkeypatch):
    monkeypatch.setattr(decoding, "_FEW_PIXELS", 500)
    frugal = VideoLimits(pixels_per_byte=1)
    assert f"{max(500, len(gif(9, 9, 30))):,} pixels" in reason_of(gif(9, 9, 30), limits=frugal)
    assert len(decode_video(gif(9, 9, 6), limits=frugal).frames) == 6
    assert len(decode_video(gif(9, 9, 30), limits=VideoLimits(pixels_per_byte=10)).frames) == 30


@pytest.mark.parametrize("text", ["seconds", "weeks=3", "seconds=many", "seconds=nan", "frames=0"])
def test_limits_are_named_numbers(text):
    with pytest.raises(ValueError, match="Received"):
        VideoLimits.of([text])


@pytest.mark.parametrize("hours", [1, 5, 100_000])
@pytest.mark.parametrize("frame_rate", [None, 12])
def test_a_clock_that_jumps_is_told(hours, frame_rate, tmp_path):
    jump = f"setpts='(N*0.1+gte(N,5)*{3600 * hours})/TB'"
    ffmpeg("-vf", jump, "-fps_mode", "vfr", *H264, str(tmp_path / "a.mkv"))
    assert "clock jumps by" in reason_of(tmp_path / "a.mkv", frame_rate=frame_rate)


@pytest.mark.parametrize(
    "content",
    [
        SDP,
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nb.mp4\n",
        b"ffconcat version 1.0\nfile b.mp4\n",
        b'<svg xmlns="http://www.w3.org/2000/svg"></svg>',
        b"WEBVTT\n\n00:00.000 --> 00:01.000\nb\n",
        b"[playlist]\nFile1=b.mp4\n",
        b"rtsp://127.0.0.1/b",
        b"",
    ],
)
def test_nothing_but_videos_is_read(content, tmp_path):
    ffmpeg(*H264, str(tmp_path / "b.mp4"))
    (tmp_path / "a.mp4").write_bytes(content)
    for source in (tmp_path / "a.mp4", content):
        assert "no format of video" in reason_of(source) or "no video" in reason_of(source)


@pytest.mark.parametrize(
    "name", ["a%03d.gif", "http:a.gif", "concat:a|b.gif", "-a.gif", "a\nb.gif", b"\xff\xfe.gif"]
)
def test_any_name_is_that_of_a_local_file(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(name)
    with open(name, "wb") as file:
        file.write(gif(8, 8))
    assert len(decode_video(name).frames) == 1
    with open(name, "wb") as file:
        file.write(b"no video")
    with pytest.raises(VideoError) as caught:
        decode_video(name)
    assert str(caught.value).isprintable() and str(caught.value).encode()


def test_a_picture_in_a_song_is_no_video(tmp_path):
    song = tmp_path / "song.m4a"
    cover = ("-f", "lavfi", "-i", "testsrc2=size=64x48", "-map", "0", "-map", "1", "-frames:v", "1")
    ffmpeg(*cover, *["-c:v", "mjpeg", "-disposition:v", "attached_pic", "-c:a", "aac"], str(song),
           source="sine=duration=1")  # fmt: skip
    assert reason_of(song) == "it holds no video"


def test_a_codec_without_decoder_is_told(tmp_path):
    ffmpeg(*H264, str(tmp_path / "a.mp4"))
    content = (tmp_path / "a.mp4").read_bytes().replace(b"avc1", b"zzz1")
    assert "no decoder" in reason_of(content)
