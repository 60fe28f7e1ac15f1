import math

import numpy as np
import pytest

from rstg_tf.data.synthetic import rendering


def render(shape, half, track, camera=(0.0, 0.0), noise=0.0, size=64, texture=rendering.PLAIN):
    """Renders one white prop over black; returns float `[T, H, W]`."""
    track = np.atleast_2d(np.asarray(track, float))
    out = np.empty((len(track), size, size, 3), np.uint8)
    rendering.render_clip(
        np.zeros((size + 16, size + 16, 3), np.float32),
        np.array([(shape, texture)]),
        np.array([(*half, 4.0)], float),
        np.full((1, 2, 3), 200.0),
        track[:, None],
        np.tile(np.asarray(camera, float), (len(track), 1)),
        np.ones((len(track), 3)),
        noise,
        np.uint64(7),
        out,
    )
    return out[..., 0].astype(float)


AREAS = {
    rendering.DISC: math.pi * 12 * 12,
    rendering.BOX: 24 * 24,
    rendering.ROUNDED: math.pi * 12 * 12,
    rendering.TRIANGLE: 24 * 24 / 2,
    rendering.HEXAGON: 24 * 24 * 3 / 4,
    rendering.CROSS: 24 * 24 * (1 - 0.6**2),
}


@pytest.mark.parametrize("shape", AREAS)
@pytest.mark.parametrize("angle", [0.0, 0.7])
def test_shapes_have_their_area(shape, angle):
    frame = render(shape, (12.0, 12.0), (32.3, 31.6, 1.0, angle))[0]
    assert (frame > 45).sum() == pytest.approx(AREAS[shape], rel=0.1)


def test_things_are_where_their_track_says():
    track = np.array([(20.0, 40.0, 1.0, 0.0), (20.5, 30.0, 1.0, 0.0), (45.0, 32.0, 0.5, 0.0)])
    for frame, (x, y, scale, _) in zip(
        render(rendering.DISC, (8.0, 8.0), track), track, strict=True
    ):
        rows, columns = np.indices(frame.shape)
        inside = frame > 0
        assert (columns[inside] + 0.5).mean() == pytest.approx(x, abs=0.2)
        assert (rows[inside] + 0.5).mean() == pytest.approx(y, abs=0.2)
        assert inside.sum() == pytest.approx(math.pi * (8 * scale) ** 2, rel=0.2)


def test_the_camera_moves_everything():
    still = render(rendering.BOX, (9.0, 6.0), (30.0, 30.0, 1.0, 0.3))
    moved = render(rendering.BOX, (9.0, 6.0), (30.0, 30.0, 1.0, 0.3), camera=(3.0, -2.0))
    np.testing.assert_array_equal(still[:, 4:-4, 7:-7], moved[:, 6:-2, 4:-10])


def test_things_may_leave_the_frame():
    for x, y in ((-30.0, 32.0), (0.0, 0.0), (64.0, 10.0), (90.0, 90.0)):
        render(rendering.HEXAGON, (10.0, 10.0), (x, y, 2.0, 0.1))


def test_noise_has_its_strength():
    background = np.full((80, 80, 3), 128, np.float32)
    out = np.empty((4, 64, 64, 3), np.uint8)
    nothing = np.zeros((4, 0, 4))
    rendering.render_clip(
        background,
        np.zeros((0, 2), int),
        np.zeros((0, 3)),
        np.zeros((0, 2, 3)),
        nothing,
        np.zeros((4, 2)),
        np.ones((4, 3)),
        6.0,
        np.uint64(1),
        out,
    )
    assert out.mean() == pytest.approx(128, abs=0.2)
    assert out.std() == pytest.approx(6.0, rel=0.03)
    assert abs(np.corrcoef(out.reshape(4, -1).astype(float)) - np.eye(4)).max() < 0.03
