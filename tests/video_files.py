"""Real video files whose frames can be told apart."""

import re
import subprocess
from fractions import Fraction

import av
import imageio_ffmpeg
import numpy as np

CODECS = {
    "webm": ("libvpx-vp9", "yuv420p", {"deadline": "realtime", "cpu-used": "8"}),
    "mp4": ("libx264", "yuv420p", {"preset": "ultrafast"}),
    "mkv": ("libx264", "yuv420p", {"preset": "ultrafast"}),
    "avi": ("mpeg4", "yuv420p", {}),
    "gif": ("gif", "rgb8", {}),
}
_STEP = 10


def frames_of(count, height=48, width=64, seed=0):
    """Returns uint8 `[T, H, W, 3]`: frame k is grey of brightness 10 k, its top left corner red."""
    frames = np.empty((count, height, width, 3), np.uint8)
    frames[:] = (_STEP * np.arange(count))[:, None, None, None]
    frames[:, : height // 3, : width // 3] = (255, 0, 0)
    frames[:, -8:] = np.random.default_rng(seed).integers(0, 256, 3, np.uint8)
    return frames


def numbers(frames):
    """Returns which frames of `frames_of` these are, read off their brightness."""
    height, width = frames.shape[1:3]
    grey = frames[:, height // 2 : height // 2 + 4, width // 2 : width // 2 + 4].mean((1, 2, 3))
    return np.round(grey / _STEP).astype(int).tolist()


def write_video(path, frames, rate=12, times=None, rotation=None):
    """Encodes a file in the format of its suffix.

    Args:
        path: `pathlib.Path` of the file.
        frames: uint8 `[T, H, W, 3]`.
        rate: In frames per second.
        times: Milliseconds at which frames appear, `[T]`, for a variable rate.
        rotation: Degrees that a player turns it by, counterclockwise.
    """
    codec, pixels, options = CODECS[path.suffix[1:]]
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixels
        if rotation:
            stream.set_display_rotation(rotation)
        if times is not None:
            stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, "rgb24").reformat(format=pixels)
            if times is not None:
                picture.pts, picture.time_base = times[number], Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def ffmpeg(*arguments, source="testsrc2=size=64x48:rate=10:duration=2"):
    """Runs FFmpeg's own command.

    Args:
        arguments: what follows the first input; the last is the file to write, or `-`.
        source: that input: of its generator, or a path.

    Returns:
        `(stdout, stderr)`, bytes and str.
    """
    given = ["-i", source] if not isinstance(source, str) else ["-f", "lavfi", "-i", source]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-hide_banner", "-nostats", "-bitexact"]
    done = subprocess.run([*command, *given, *arguments], capture_output=True, check=False)
    errors = done.stderr.decode(errors="replace")
    assert done.returncode == 0, errors[-500:]
    return done.stdout, errors


def by_ffmpeg(path):
    """Returns `(frames, times)` of a file by FFmpeg's command: uint8 `[T, H, W, 3]` and seconds.

    Frames are turned as the file says, but their pixels are as in the file.
    """
    flags = "bicubic+accurate_rnd+full_chroma_int"
    raw, told = ffmpeg(
        *("-map", "0:v:0", "-vf", "showinfo", "-fps_mode", "passthrough", "-sws_flags", flags),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-"),
        source=path,
    )
    times = np.array([float(time) for time in re.findall(r" pts_time:\s*(-?[\d.]+)", told)])
    width, height = map(int, re.findall(r"rawvideo.*?, (\d+)x(\d+)", told)[-1])
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3), times - times[0]
