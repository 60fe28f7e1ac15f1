"""Decoding beside FFmpeg's own command: what it shows, and when, over all kinds of files."""

import io

import numpy as np
import pytest
from PIL import Image
from video_files import by_ffmpeg, ffmpeg

from rstg_tf.data.videos import VideoError, VideoReader, decode_video

H264 = "-c:v libx264 -pix_fmt yuv420p -g 10 -bf 3"
MPEG2 = "-c:v mpeg2video -pix_fmt yuv420p -bf 2 -r 25"
# By ending: how the video and the sound of such files are encoded.
FILES = {
    "mp4": (H264, "aac"),
    "fragmented.mp4": (f"{H264} -movflags frag_keyframe+empty_moov", "aac"),
    "mov": (f"{H264} -movflags faststart", "aac"),
    "mkv": (H264, "aac"),
    "live.mkv": (f"{H264} -live 1", "aac"),
    "webm": ("-c:v libvpx -auto-alt-ref 1 -lag-in-frames 9 -b:v 100k", "libvorbis"),
    "vp9.webm": ("-c:v libvpx-vp9 -deadline realtime -cpu-used 8", "libopus"),
    "avi": (H264, "libmp3lame"),
    "xvid.avi": ("-c:v libxvid -bf 2", "libmp3lame"),
    "mpeg4.avi": ("-c:v mpeg4 -bf 2", "libmp3lame"),
    "flv": ("-c:v flv1", "libmp3lame"),
    "h264.flv": (H264, "aac"),
    "ts": (H264, "aac"),
    "m2ts": (MPEG2, "ac3"),
    "mpg": ("-c:v mpeg1video -r 25 -bf 2", "mp2"),
    "vob": (f"{MPEG2} -f vob", "mp2"),
    "ogv": ("-c:v libtheora", "libvorbis"),
    "wmv": ("-c:v wmv2", "wmav2"),
    "3gp": ("-c:v mpeg4", "aac"),
    "mxf": (MPEG2, None),
    "gif": ("", None),
    "apng": ("", None),
    "y4m": ("-pix_fmt yuv420p", None),
    "ivf": ("-c:v libvpx", None),
    "h264": (H264, None),
    "m2v": (f"{MPEG2} -f mpeg2video", None),
    "m4v": ("-c:v mpeg4 -bf 2 -f m4v", None),
    "mjpeg": ("-c:v mjpeg -f mjpeg", None),
    "rm": ("-c:v rv20 -s 128x96", None),
    "nut": ("-c:v mpeg4 -bf 2", "aac"),
    "ffv1.mkv": ("-c:v ffv1", "flac"),
    "prores.mov": ("-c:v prores_ks", "pcm_s16le"),
    "hevc.mp4": ("-c:v libx265 -x265-params log-level=0", "aac"),
}
FEW = ("mp4", "live.mkv", "webm", "xvid.avi", "ts", "vob", "ogv", "h264")
PIXELS = (
    *("yuv420p", "yuv422p", "yuv444p", "yuv411p", "yuv440p", "yuv410p", "yuva420p", "yuvj420p"),
    *("yuv420p10le", "yuv422p10le", "yuv444p12le", "yuv420p16le", "yuva444p16le", "gray"),
    *("gray16le", "gray10le", "rgb24", "bgr24", "bgr0", "rgba", "rgb48le", "gbrp", "gbrp10le"),
    *("gbrap", "nv12", "nv21", "yuyv422", "uyvy422", "pal8", "ya8", "monob"),
)


def slow_but(kinds, few):
    return [kind if kind in few else pytest.param(kind, marks=pytest.mark.slow) for kind in kinds]


def make(folder, kind, *more, sound=False, source="testsrc2=size=64x48:rate=10:duration=2"):
    video, audio = FILES[kind]
    path = folder / f"video.{kind}"
    inputs = ("-f", "lavfi", "-i", "sine=duration=2:sample_rate=44100", "-c:a", audio)
    ffmpeg(*(inputs if sound else ()), *video.split(), *more, str(path), source=source)
    return path


def timed(path, **options):
    """Returns `(frames, times)` as `by_ffmpeg` does."""
    with VideoReader(path, **options) as reader:
        found = [(reader._convert(frame), float(begin)) for frame, begin, _ in reader._timed()]
    return np.stack([frame for frame, _ in found]), np.array([begin for _, begin in found])


@pytest.mark.parametrize("kind", slow_but(FILES, FEW))
def test_every_container_shows_what_ffmpeg_shows_when_it_does(kind, tmp_path):
    path = make(tmp_path, kind)
    expected, times = by_ffmpeg(path)
    frames, begins = timed(path)
    np.testing.assert_array_equal(frames, expected)
    assert np.abs(begins - times).max() < 1e-3


@pytest.mark.parametrize("kind", slow_but(FILES, FEW))
def test_a_rate_takes_every_frame_at_its_time(kind, tmp_path):
    path = make(tmp_path, kind)
    frames, _ = timed(path)
    with VideoReader(path) as reader:
        reader.count()
        rate = reader.frame_rate
    taken = decode_video(path, frame_rate=rate).frames
    np.testing.assert_array_equal(taken, frames)
    np.testing.assert_array_equal(decode_video(path, frame_rate=rate / 2).frames, frames[1::2])


@pytest.mark.parametrize("kind", slow_but([k for k in FILES if FILES[k][1]], FEW))
def test_sound_changes_nothing_however_long_it_is(kind, tmp_path):
    path = make(tmp_path, kind, sound=True)
    frames, _ = timed(path)
    for seconds in (1, 4):
        audio = f"sine=duration={seconds}:sample_rate=44100"
        video, codec = FILES[kind]
        inputs = ("-f", "lavfi", "-i", audio, "-c:a", codec, *video.split())
        ffmpeg(*inputs, str(path))
        np.testing.assert_array_equal(timed(path)[0], frames)


@pytest.mark.parametrize("size", ["64:48", "61:45", "3:5"])
@pytest.mark.parametrize("pixels", slow_but(PIXELS, PIXELS[:4]))
def test_chroma_of_every_pixel_format(pixels, size, tmp_path):
    path = tmp_path / "video.nut"
    crop = f"testsrc2=size=64x48:rate=10:duration=0.2,format=rgb24,crop={size}:0:0"
    ffmpeg(*f"-c:v rawvideo -strict -1 -pix_fmt {pixels}".split(), str(path), source=crop)
    np.testing.assert_array_equal(decode_video(path).frames, by_ffmpeg(path)[0])


@pytest.mark.parametrize("matrix", slow_but(["bt709", "smpte170m", "bt2020nc"], ["bt709"]))
@pytest.mark.parametrize("span", ["tv", "pc"])
def test_matrices_and_ranges_of_colours(matrix, span, tmp_path):
    path = tmp_path / "video.mkv"
    tags = f"setparams=colorspace={matrix}:range={span}"
    ffmpeg("-vf", tags, *H264.split(), "-colorspace", matrix, "-color_range", span, str(path))
    np.testing.assert_array_equal(decode_video(path).frames, by_ffmpeg(path)[0])


TURNS = [(degrees, mirror) for mirror in ((), ("-display_hflip",)) for degrees in (0, 90, 180, 270)]


@pytest.mark.parametrize(("degrees", "mirror"), TURNS)
@pytest.mark.parametrize("ending", ["mov", "mkv"])
def test_every_display_matrix(degrees, mirror, ending, tmp_path):
    plain = make(tmp_path, "mp4")
    path = tmp_path / f"turned.{ending}"
    if ending == "mkv" and mirror:
        pytest.skip("Matroska knows no mirrors.")
    turn = ("-display_rotation", str(degrees), *mirror, "-i", str(plain))
    ffmpeg(*turn, *["-map", "1", "-c", "copy"], str(path))
    frames = decode_video(path).frames
    # FFmpeg turns before it interpolates chroma.
    assert np.abs(frames.astype(int) - by_ffmpeg(path)[0]).max() <= 8
    assert (frames[0].shape == (64, 48, 3)) == (degrees in (90, 270))
    assert decode_video(path, short_side=24).frames.shape[1:3] == (
        (32, 24) if degrees in (90, 270) else (24, 32)
    )


def test_a_turn_by_any_angle_is_the_nearest_quarter(tmp_path):
    plain = make(tmp_path, "mp4")
    ffmpeg("-display_rotation", "70", "-i", str(plain), *["-map", "1", "-c", "copy"],
           str(tmp_path / "turned.mov"))  # fmt: skip
    turned = decode_video(tmp_path / "turned.mov").frames
    np.testing.assert_array_equal(turned, np.rot90(decode_video(plain).frames, axes=(1, 2)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_of_motion_jpeg(orientation, tmp_path):
    exif, encoded = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    image = Image.fromarray(by_ffmpeg(make(tmp_path, "mp4"))[0][0])
    image.save(encoded, "JPEG", exif=exif, quality=95)
    (tmp_path / "turned.mjpeg").write_bytes(3 * encoded.getvalue())
    ffmpeg("-f", "mjpeg", "-i", str(tmp_path / "turned.mjpeg"), *["-map", "1", "-c", "copy"],
           str(tmp_path / "turned.avi"))  # fmt: skip
    frames = decode_video(tmp_path / "turned.avi").frames
    expected, _ = by_ffmpeg(tmp_path / "turned.avi")
    assert np.abs(frames.astype(int) - expected).max() <= 8


@pytest.mark.parametrize(
    ("aspect", "size"),
    [("2/1", (48, 128)), ("1/2", (48, 32)), ("16/15", (48, 68)), ("0/1", (48, 64))],
)
@pytest.mark.parametrize("kind", slow_but(["mp4", "mkv", "avi", "ts"], ["mp4", "avi"]))
def test_pixels_become_square(kind, aspect, size, tmp_path):
    path = make(tmp_path, kind, "-vf", f"setsar={aspect}")
    assert decode_video(path).frames.shape[1:3] == size
    height, width = decode_video(path, short_side=24).frames.shape[1:3]
    assert min(height, width) == 24
    assert width / height == pytest.approx(size[1] / size[0], rel=0.05)


def test_frames_that_are_repeated_without_bytes(tmp_path):
    again = ("-vf", "setpts='(N+(gte(N,3)))/10/TB'", "-fps_mode", "cfr", "-r", "10")
    path = make(tmp_path, "ogv", *again, source="testsrc2=size=64x48:rate=10:duration=1")
    frames, begins = timed(path)
    assert len(frames) == 11
    assert np.abs(begins - np.arange(11) / 10).max() < 1e-3


def test_recordings_that_were_joined_go_on(tmp_path):
    content = make(tmp_path, "ts").read_bytes()
    (tmp_path / "joined.ts").write_bytes(2 * content)
    frames, begins = timed(tmp_path / "joined.ts")
    assert len(frames) == 40
    assert np.abs(begins - np.arange(40) / 10).max() < 0.02


def test_a_recording_may_begin_anywhere(tmp_path):
    content = make(tmp_path, "ts").read_bytes()
    begin = len(content) // 188 // 3 * 188
    (tmp_path / "late.ts").write_bytes(content[begin:])
    assert 5 < len(decode_video(tmp_path / "late.ts").frames) < 20


@pytest.mark.parametrize("kind", slow_but(FILES, ("mp4", "webm", "gif", "ts")))
def test_one_frame_is_a_video(kind, tmp_path):
    path = make(tmp_path, kind, "-frames:v", "1")
    assert len(decode_video(path).frames) == 1


@pytest.mark.parametrize("kind", slow_but([k for k in FILES if FILES[k][1]], (*FEW[:5], "nut")))
def test_files_cut_off_with_sound_are_told(kind, tmp_path):
    check_cuts(make(tmp_path, kind, sound=True).read_bytes())


@pytest.mark.parametrize("kind", slow_but(FILES, (*FEW, "gif", "y4m", "flv", "wmv")))
def test_files_cut_off_are_told(kind, tmp_path):
    check_cuts(make(tmp_path, kind).read_bytes())


@pytest.mark.parametrize("kind", ["mkv", "mpeg4.avi", "flv", "wmv", "nut"])
def test_files_written_to_a_pipe_are_whole(kind, tmp_path):
    form = {"mkv": "matroska", "mpeg4.avi": "avi", "wmv": "asf"}.get(kind, kind)
    content, _ = ffmpeg(*FILES[kind][0].split(), "-f", form, "-")
    assert len(decode_video(content).frames) == 20


@pytest.mark.parametrize("size", ["720x576 -r 25 -pix_fmt yuv420p", "720x480 -r 30000/1001"])
def test_tapes_cut_off_are_told(size, tmp_path):
    pixels = () if "pix_fmt" in size else ("-pix_fmt", "yuv411p")
    ffmpeg("-s", *size.split(), *pixels, "-frames:v", "4", str(tmp_path / "video.dv"))
    check_cuts((tmp_path / "video.dv").read_bytes())


def check_cuts(content):
    with VideoReader(content) as reader:
        assert reader.count() > 0
    lengths = np.linspace(len(content) // 4, 0.95 * len(content), 16).astype(int) | 1
    taken = 0
    for length in lengths:
        try:
            with VideoReader(content[:length]) as reader:
                reader.count()
            taken += 1
        except VideoError:
            pass
    # A raw stream that is cut between two pictures or slices is as good as a shorter one.
    is_raw = content[:3] == b"\0\0\0" or content[:3] == b"\0\0\1"
    assert taken <= (2 if is_raw else 0)
