"""Who moves where in the actions of Interactions.

An action moves props over a stage. Played backwards it is its twin: another action, with its own
name. Nothing else tells the two apart, so any statistic that forgets the order of the frames
(their average, for one) has the same distribution in both.
"""

import math

import numpy as np

from rstg_tf.data.synthetic import rendering

_SHAPES = (
    rendering.DISC,
    rendering.BOX,
    rendering.ROUNDED,
    rendering.TRIANGLE,
    rendering.HEXAGON,
    rendering.CROSS,
)
_SKIN = np.array([(236, 188, 160), (205, 148, 112), (150, 98, 68), (98, 62, 44)], float)


def ease(times, start, end):
    """Moves smoothly from 0 at `start` to 1 at `end`; the same backwards."""
    phase = np.clip((times - start) / (end - start), 0.0, 1.0)
    return phase * phase * (3.0 - 2.0 * phase)


class Stage:
    """Collects the props of one clip; lengths are in frame widths, and y points down.

    The table's far edge is at `table`; things stand on the line `floor`, a little in front of it.
    `times` is `[T]`, from 0 to 1; `size` scales things, and `vividness` goes from 0 (as pale as the
    wall) to 1 (saturated).
    """

    def __init__(self, rng, times, size=1.0, vividness=1.0):
        self.rng = rng
        self.times = times
        self.size = size
        self.vividness = vividness
        self.table = rng.uniform(0.5, 0.66)
        self.floor = self.table + rng.uniform(0.12, 0.2)
        self.kinds, self.sizes, self.colours, self.tracks = [], [], [], []

    def radius(self, low=0.11, high=0.15):
        """Draws the half extent of a thing."""
        return self.size * self.rng.uniform(low, high)

    def _colour(self):
        tint = self.rng.uniform(0.0, 1.0, 3)
        tint = (tint - tint.min()) / (np.ptp(tint) + 1e-6)
        strength = self.rng.uniform(0.6, 1.0) * self.vividness
        return self.rng.uniform(120, 255) * (1.0 - strength * (1.0 - tint))

    def look(self, half_width, half_height=None, shape=None):
        """Draws the shape, size, texture and colours of a thing: a dict for `place`.

        By default it is as high as wide, and `shape`, one of those of `rendering`, is random.
        """
        rng = self.rng
        shape = _SHAPES[rng.integers(len(_SHAPES))] if shape is None else shape
        half_height = half_width if half_height is None else half_height
        return {
            "kind": (shape, rng.integers(4)),
            "size": (half_width, half_height, rng.uniform(0.6, 1.0) * min(half_width, half_height)),
            "colours": np.stack([self._colour(), self._colour()]),
        }

    def place(self, look, x, y, scale=1.0, angle=0.0):
        """Puts a thing in front of all that were placed before; arguments broadcast to `[T]`."""
        track = np.empty((len(self.times), 4))
        for column, values in enumerate((x, y, scale, angle)):
            track[:, column] = values
        self.kinds.append(look["kind"])
        self.sizes.append(look["size"])
        self.colours.append(look["colours"])
        self.tracks.append(track)

    def hand(self, x, y, direction, scale=1.0):
        """Places a hand whose fingertip is at (x, y); these and `scale` broadcast to `[T]`.

        `direction` is the angle in radians from the fingertip to the arm (0: to the right).
        """
        skin = self.__dict__.setdefault("skin", _SKIN[self.rng.integers(len(_SKIN))])
        cos, sin = math.cos(direction), math.sin(direction)
        for offset, half_length, half_width in ((0.62, 0.5, 0.085), (0.09, 0.11, 0.042)):
            look = {
                "kind": (rendering.ROUNDED, rendering.PLAIN),
                "size": (half_length, half_width, 1.0),
                "colours": np.stack([skin, skin]),
            }
            self.place(look, x + offset * scale * cos, y + offset * scale * sin, scale, direction)

    def mirror(self):
        """Exchanges left and right."""
        for track in self.tracks:
            track[:, 0] = 1.0 - track[:, 0]
            track[:, 3] = -track[:, 3]


def pass_by(stage, pace):
    """Something else, or a hand, lies about or moves on its own, up to `pace` widths."""
    rng, radius = stage.rng, stage.radius(0.08, 0.13)
    phase = stage.times - 0.5
    x = rng.uniform(0.05, 0.95) + rng.uniform(-pace, pace) * phase
    y = rng.uniform(0.1, 0.95) + rng.uniform(-pace, pace) * phase
    if rng.random() < 0.2:
        stage.hand(x, y, _anywhere(stage))
    else:
        turn = rng.uniform(-pace, pace) * 2 * math.pi * phase
        stage.place(stage.look(radius), x, y, 1.0, turn)


def _anywhere(stage):
    """Draws where an arm comes from."""
    return stage.rng.uniform(-math.pi, math.pi)


def _from_above(stage):
    return -stage.rng.uniform(0.3, 0.7) * math.pi


def _from_below(stage):
    return stage.rng.uniform(0.3, 0.7) * math.pi


def _window(stage, early=0.35, late=0.65):
    """Draws when an action starts and when it ends."""
    return stage.rng.uniform(0.0, early), stage.rng.uniform(late, 1.0)


def _hold(stage, radius, x, y, direction, scale=1.0):
    """Places a thing and the hand that holds it."""
    stage.place(stage.look(radius), x, y, scale)
    reach = 0.6 * radius * scale
    stage.hand(x + reach * math.cos(direction), y + reach * math.sin(direction), direction, scale)


def push(stage):
    """A hand pushes a thing from left to right."""
    rng, radius = stage.rng, stage.radius()
    step = rng.uniform(0.25, 0.5)
    x = rng.uniform(0.15, 0.85 - step) + step * ease(stage.times, *_window(stage))
    y = rng.uniform(0.3, 0.75)
    _hold(stage, radius, x, y, (_from_above, _from_below)[rng.integers(2)](stage))


def raise_up(stage):
    """A hand moves a thing up."""
    rng, radius = stage.rng, stage.radius()
    step = rng.uniform(0.25, 0.5)
    y = rng.uniform(0.15 + step, 0.85) - step * ease(stage.times, *_window(stage))
    _hold(stage, radius, rng.uniform(0.2, 0.8), y, _anywhere(stage))


def come_closer(stage):
    """A hand moves a thing towards the camera."""
    rng, radius = stage.rng, stage.radius()
    growth = rng.uniform(1.8, 2.6)
    progress = ease(stage.times, *_window(stage))
    scale = rng.uniform(0.8, 2.1 / growth) * growth**progress
    x = rng.uniform(0.25, 0.75) + rng.uniform(-0.08, 0.08) * progress
    y = rng.uniform(0.3, 0.7) + rng.uniform(-0.08, 0.08) * progress
    _hold(stage, radius, x, y, _anywhere(stage), scale)


def put_on_top(stage):
    """A hand brings a thing, puts it onto another one and goes away."""
    rng, times = stage.rng, stage.times
    start, end = _window(stage, 0.2, 0.8)
    middle = rng.uniform(0.45, 0.6)
    half_width, half_height, radius = (
        stage.radius(0.17, 0.22),
        stage.radius(0.09, 0.12),
        stage.radius(0.1, 0.12),
    )
    base_x = rng.uniform(0.3, 0.7)
    top = stage.floor - 2 * half_height
    stage.place(stage.look(half_width, half_height, rendering.BOX), base_x, top + half_height)
    bring = 1.0 - ease(times, start, middle)
    leave = ease(times, middle + 0.05, end)
    away_x, away_y = rng.uniform(-0.4, 0.4), rng.uniform(0.4, 0.55)
    x = base_x + away_x * bring
    y = top - radius - away_y * bring
    stage.place(stage.look(radius), x, y)
    hand_x = x + rng.uniform(-0.5, 0.5) * leave
    stage.hand(hand_x, y - 0.5 * radius - 0.6 * leave, _from_above(stage))


def cover(stage):
    """A hand pulls a cloth over a thing."""
    rng, times = stage.rng, stage.times
    start, end = _window(stage, 0.2, 0.8)
    middle = rng.uniform(0.45, 0.6)
    radius = stage.radius(0.1, 0.13)
    x, y = rng.uniform(0.3, 0.7), stage.floor - radius
    stage.place(stage.look(radius), x, y)
    bring = 1.0 - ease(times, start, middle)
    leave = ease(times, middle + 0.05, end)
    angle = rng.uniform(-0.5, 0.5) * math.pi - 0.5 * math.pi
    far = rng.uniform(0.5, 0.65)
    half_height = radius * rng.uniform(1.3, 1.5)
    cloth = stage.look(radius * rng.uniform(1.4, 1.7), half_height, rendering.BOX)
    cloth_x = x + far * math.cos(angle) * bring
    cloth_y = y + far * math.sin(angle) * bring
    stage.place(cloth, cloth_x, cloth_y)
    hand_y = cloth_y - 0.7 * half_height
    stage.hand(cloth_x, hand_y - 0.7 * leave, _from_above(stage))


def approach_each_other(stage):
    """Two hands move two things closer to each other."""
    rng = stage.rng
    meeting, y = rng.uniform(0.35, 0.65), rng.uniform(0.3, 0.75)
    gap = rng.uniform(0.0, 0.05) + rng.uniform(0.25, 0.45) * (
        1 - ease(stage.times, *_window(stage))
    )
    for side in (-1, 1):
        radius = stage.radius(0.09, 0.13)
        tilt = rng.uniform(-0.3, 0.3) * math.pi
        direction = tilt if side > 0 else math.pi + tilt
        _hold(stage, radius, meeting + side * (radius + 0.5 * gap), y, direction)


def hit(stage):
    """A thing slides in from the left, hits one at rest and stops; that one slides off."""
    rng, times = stage.rng, stage.times
    left, right = stage.radius(0.1, 0.14), stage.radius(0.1, 0.14)
    contact = rng.uniform(0.44, 0.56)
    moment = rng.uniform(0.42, 0.58)
    speed = rng.uniform(0.7, 1.0)
    rest_left, rest_right = contact - left, contact + right
    x = rest_left + speed * np.minimum(times - moment, 0.0)
    stage.place(stage.look(left), x, stage.floor - left)
    x = rest_right + speed * np.maximum(times - moment, 0.0)
    stage.place(stage.look(right), x, stage.floor - right)


def lift_and_drop(stage):
    """A hand lifts a thing slowly, lets it go, and it falls."""
    rng, times = stage.rng, stage.times
    radius = stage.radius(0.1, 0.13)
    start, release = rng.uniform(0.0, 0.12), rng.uniform(0.55, 0.65)
    landing = release + rng.uniform(0.2, 0.25)
    top = rng.uniform(0.2, 0.28)
    low = stage.floor - radius
    held = low + (top - low) * ease(times, start, release - 0.05)
    fall = np.clip((times - release) / (landing - release), 0.0, 1.0) ** 2
    x = rng.uniform(0.3, 0.7)
    stage.place(stage.look(radius), x, np.where(times < release, held, top + (low - top) * fall))
    stage.hand(x, held - 0.5 * radius, _from_above(stage))


def tip_over(stage):
    """A hand tips a tall thing over, to the right."""
    rng = stage.rng
    start, end = _window(stage)
    half_width, half_height = stage.radius(0.075, 0.095), stage.radius(0.21, 0.25)
    turn = 0.5 * math.pi * ease(stage.times, start, end)
    corner_x, corner_y = rng.uniform(0.3, 0.5), stage.floor
    cos, sin = np.cos(turn), np.sin(turn)

    def from_corner(u, v):
        return corner_x + cos * u - sin * v, corner_y + sin * u + cos * v

    shape = (rendering.BOX, rendering.ROUNDED)[rng.integers(2)]
    x, y = from_corner(-half_width, -half_height)
    stage.place(stage.look(half_width, half_height, shape), x, y, 1.0, turn)
    x, y = from_corner(-1.4 * half_width, -1.7 * half_height)
    stage.hand(x, y, -rng.uniform(0.55, 0.75) * math.pi)
    _mirror_by_chance(stage)


def put_behind(stage):
    """A hand puts a thing behind a bigger one and goes away."""
    rng, times = stage.rng, stage.times
    start, end = _window(stage, 0.2, 0.8)
    middle = rng.uniform(0.45, 0.6)
    radius = stage.radius(0.1, 0.12)
    half_width, half_height = radius * rng.uniform(1.3, 1.5), radius * rng.uniform(1.4, 1.8)
    screen_x = rng.uniform(0.2, 0.4)
    bring = 1.0 - ease(times, start, middle)
    leave = ease(times, middle + 0.05, end)
    x = screen_x + rng.uniform(0.4, 0.5) * bring
    y = stage.floor - radius - 0.03
    stage.place(stage.look(radius), x, y)
    stage.hand(x + 0.6 * radius + 0.75 * leave, y, rng.uniform(-0.12, 0.05) * math.pi)
    screen = stage.look(half_width, half_height, rendering.BOX)
    stage.place(screen, screen_x, stage.floor - half_height + 0.03)
    _mirror_by_chance(stage)


def _mirror_by_chance(stage):
    if stage.rng.random() < 0.5:
        stage.mirror()


# Each action, its name, and the name of its twin: the same clip played backwards.
ACTIONS = (
    (
        push,
        "Pushing something from left to right",
        "Pushing something from right to left",
    ),
    (
        raise_up,
        "Moving something up",
        "Moving something down",
    ),
    (
        come_closer,
        "Moving something towards the camera",
        "Moving something away from the camera",
    ),
    (
        put_on_top,
        "Putting something on top of something",
        "Taking something off something",
    ),
    (
        cover,
        "Covering something with something",
        "Uncovering something",
    ),
    (
        approach_each_other,
        "Moving something and something closer to each other",
        "Moving something and something away from each other",
    ),
    (
        hit,
        "Something from the left hitting something and setting it moving",
        "Something from the right hitting something and setting it moving",
    ),
    (
        lift_and_drop,
        "Lifting something up and letting it fall",
        "Catching something thrown up and lowering it",
    ),
    (
        tip_over,
        "Tipping something over",
        "Turning something upright",
    ),
    (
        put_behind,
        "Putting something behind something",
        "Pulling something from behind something",
    ),
)
