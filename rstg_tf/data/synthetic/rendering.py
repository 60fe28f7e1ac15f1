"""A compiled renderer of flat, textured props over a textured background."""

import math

import numba
import numpy as np

DISC, BOX, ROUNDED, TRIANGLE, HEXAGON, CROSS = range(6)
PLAIN, STRIPES, CHECKS, DOTS = range(4)

_compiled = numba.njit(cache=True, nogil=True)


@_compiled
def _distance(shape, u, v, a, b):
    """Signed distance of (u, v) to a shape of half extents (a, b); negative inside."""
    x, y = abs(u), abs(v)
    if shape == DISC:
        return (math.sqrt((u / a) ** 2 + (v / b) ** 2) - 1.0) * min(a, b)
    if shape == ROUNDED:
        radius = min(a, b)
        dx, dy = max(x - a + radius, 0.0), max(y - b + radius, 0.0)
        return math.sqrt(dx * dx + dy * dy) - radius
    if shape == TRIANGLE:
        slope = a / (2.0 * b)
        side = (x - slope * (v + b)) / math.sqrt(1.0 + slope * slope)
        return max(side, v - b)
    if shape == HEXAGON:
        return max(x / a + 0.5 * y / b - 1.0, y / b - 1.0) * min(a, b) * 0.9
    if shape == CROSS:
        return min(max(x - a, y - 0.4 * b), max(x - 0.4 * a, y - b))
    return max(x - a, y - b)


@_compiled
def _is_second_colour(texture, u, v, period):
    """Whether the texture shows its second colour at (u, v)."""
    if texture == STRIPES:
        return (u / period) % 1.0 < 0.5
    if texture == CHECKS:
        return ((u / period) % 1.0 < 0.5) != ((v / period) % 1.0 < 0.5)
    if texture == DOTS:
        du, dv = (u / period) % 1.0 - 0.5, (v / period) % 1.0 - 0.5
        return du * du + dv * dv < 0.09
    return False


@_compiled
def _draw(canvas, shape, a, b, texture, period, colours, x, y, scale, angle):
    """Draws one prop onto `canvas` [H, W, 3]; lengths in pixels, colours [2, 3]."""
    height, width = canvas.shape[:2]
    reach = math.sqrt(a * a + b * b) * scale + 1.0
    cos, sin = math.cos(angle), math.sin(angle)
    for i in range(max(0, int(y - reach)), min(height, int(y + reach) + 2)):
        for j in range(max(0, int(x - reach)), min(width, int(x + reach) + 2)):
            dx, dy = (j + 0.5 - x) / scale, (i + 0.5 - y) / scale
            u, v = cos * dx + sin * dy, cos * dy - sin * dx
            distance = _distance(shape, u, v, a, b) * scale
            if distance >= 0.5:
                continue
            cover = min(1.0, 0.5 - distance)
            shade = 1.0 - 0.18 * (u / a + v / b)
            if distance > -0.06 * min(a, b) * scale - 0.7:
                shade *= 0.55
            colour = colours[1] if _is_second_colour(texture, u, v, period) else colours[0]
            for c in range(3):
                canvas[i, j, c] += cover * (colour[c] * shade - canvas[i, j, c])


@_compiled
def _view(background, x, y, canvas):
    """Copies the part of `background` whose corner is at (x, y), bilinearly, into `canvas`."""
    height, width = canvas.shape[:2]
    left, top = math.floor(x), math.floor(y)
    fx, fy = x - left, y - top
    w00, w01 = (1 - fy) * (1 - fx), (1 - fy) * fx
    w10, w11 = fy * (1 - fx), fy * fx
    for i in range(height):
        for j in range(width):
            for c in range(3):
                canvas[i, j, c] = (
                    w00 * background[top + i, left + j, c]
                    + w01 * background[top + i, left + j + 1, c]
                    + w10 * background[top + i + 1, left + j, c]
                    + w11 * background[top + i + 1, left + j + 1, c]
                )


@_compiled
def _expose(canvas, light, noise, state, out):
    """Writes `canvas` under `light` [3] with noise of standard deviation `noise` to `out`."""
    # The sum of four 16-bit uniform numbers has standard deviation 65536 / sqrt(3).
    gain = noise * math.sqrt(3.0) / 65536.0
    mask = np.uint64(0xFFFF)
    for i in range(canvas.shape[0]):
        for j in range(canvas.shape[1]):
            for c in range(3):
                state ^= state << np.uint64(13)
                state ^= state >> np.uint64(7)
                state ^= state << np.uint64(17)
                total = (
                    (state & mask)
                    + ((state >> np.uint64(16)) & mask)
                    + ((state >> np.uint64(32)) & mask)
                    + (state >> np.uint64(48))
                )
                value = canvas[i, j, c] * light[c] + gain * (float(total) - 131070.0) + 0.5
                out[i, j, c] = np.uint8(min(255.0, max(0.0, value)))
    return state


@_compiled
def render_clip(background, kinds, sizes, colours, tracks, camera, lights, noise, seed, out):
    """Renders P props, the first one first, into `out`, uint8 `[T, H, W, 3]`.

    Lengths are in pixels; colours and the standard deviation `noise` are in grey levels.
    `background` is float32 `[H + 2 m, W + 2 m, 3]`, `kinds` int64 `[P, 2]` (shape, texture), and
    `seed` a uint64 other than zero. The others are float64: `sizes` `[P, 3]` (half width, half
    height, texture period), `colours` `[P, 2, 3]`, gains `lights` `[T, 3]`, `tracks` `[T, P, 4]` (x
    and y of the centre, scale, clockwise angle in radians), and `camera` `[T, 2]` (x, y), less than
    `m - 1`.
    """
    height, width = out.shape[1:3]
    margin = (background.shape[0] - height) // 2
    canvas = np.empty((height, width, 3), np.float32)
    state = seed
    for t in range(out.shape[0]):
        _view(background, margin + camera[t, 0], margin + camera[t, 1], canvas)
        for p in range(kinds.shape[0]):
            x, y, scale, angle = tracks[t, p]
            _draw(
                canvas,
                kinds[p, 0],
                sizes[p, 0],
                sizes[p, 1],
                kinds[p, 1],
                sizes[p, 2],
                colours[p],
                x - camera[t, 0],
                y - camera[t, 1],
                scale,
                angle,
            )
        state = _expose(canvas, lights[t], noise, state, out[t])


@_compiled
def _smooth(grid, y, x, c):
    """Bilinear value of `grid` [g, g, 3] at (y, x) in [0, 1)."""
    cells = grid.shape[0] - 1
    gy, gx = y * cells, x * cells
    i, j = int(gy), int(gx)
    fy, fx = gy - i, gx - j
    top = grid[i, j, c] * (1 - fx) + grid[i, j + 1, c] * fx
    return top * (1 - fy) + (grid[i + 1, j, c] * (1 - fx) + grid[i + 1, j + 1, c] * fx) * fy


@_compiled
def paint_background(wall, table, table_y, stripes, clouds, out):
    """Paints a wall above a table, both float64 `[3]` grey levels, into float32 `[H, W, 3]`.

    `table_y` is the row of the table's far edge. `clouds`, float64 `[g, g, 3]`, are a coarse grid
    of grey levels, added smoothly; `stripes`, float64 `[2, 4]` for wall and table, are angle in
    radians, period in pixels, phase in periods and amplitude in grey levels.
    """
    height, width = out.shape[:2]
    for i in range(height):
        part = 1 if i >= table_y else 0
        angle, period, phase, amplitude = stripes[part]
        cos, sin = math.cos(angle), math.sin(angle)
        base = table if part else wall
        for j in range(width):
            wave = amplitude * math.sin(2 * math.pi * ((cos * j + sin * i) / period + phase))
            for c in range(3):
                out[i, j, c] = base[c] + wave + _smooth(clouds, i / height, j / width, c)
