"""SyncMNIST again, slowly and plainly, to check the compiled one against."""

import numpy as np
from PIL import Image


def free_walks(rng, videos, frames):
    """Positions `[videos, frames]` on one axis of digits that move on their own."""
    position = rng.integers(0, 72, videos)
    walk = []
    for _ in range(frames):
        position = position + rng.integers(
            np.maximum(-10, -position), np.minimum(10, 72 - position)
        )
        walk.append(position)
    return np.stack(walk, axis=1)


def common_walks(rng, videos, frames):
    """Positions `[videos, frames, 2]` on one axis of pairs that move together."""
    position = rng.integers(0, 72, (videos, 2))
    walk = []
    for _ in range(frames):
        low = np.maximum(-10, -position).max(axis=1)
        high = np.minimum(10, 72 - position).min(axis=1)
        position = position + rng.integers(low, high)[:, None]
        walk.append(position)
    return np.stack(walk, axis=1)


def draw(layers, size):
    """Draws one video.

    Args:
        layers: List of `(images [k, h, w], track [T, k, 2])`, back to front.
        size: Of the frames.
    """
    video = []
    for t in range(len(layers[0][1])):
        canvas = np.zeros((100, 100), np.uint8)
        for images, track in layers:
            for image, (y, x) in zip(images, track[t], strict=True):
                under = canvas[y : y + image.shape[0], x : x + image.shape[1]]
                under[image >= 10] = image[image >= 10]
        video.append(np.asarray(Image.fromarray(canvas).resize((size, size), Image.BILINEAR)))
    return np.stack(video)[..., None]
