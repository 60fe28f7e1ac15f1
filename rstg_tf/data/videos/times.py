"""When the frames of a video are shown."""

from fractions import Fraction

# Matroska and WebM round times to milliseconds; without leave for it a frame shown from 0.417 s
# would be missed at 5/12 s.
_ROUNDING = Fraction(1, 1000)
# In formats whose clock may be set anew, seconds that are no pause but another clock.
_ANOTHER_CLOCK = 10
_BACKWARDS = Fraction(1, 10)


class Clock:
    """Tells from when, in seconds, frames are shown; they must come in the order of a player.

    `time_base` is the seconds of a tick, `interval` those between frames without times, and
    `max_still` those that a frame may stand. `is_timed` is false for raw streams; `is_set_anew`
    allows jumps, as in joined recordings of television, which else raise ValueError.
    """

    def __init__(self, time_base, interval, max_still, is_timed=True, is_set_anew=False):
        self._time_base = time_base
        self.interval = interval
        self._max_still = max_still
        self._is_timed = is_timed
        self._is_set_anew = is_set_anew
        self._stamps = _Stamps()
        self._offset = Fraction(0)
        self._end = None  # Of the frame before, if it is shown for as long as it says.
        self._time = None

    def __call__(self, frame):
        """Returns from when on a decoded frame is shown."""
        stamp = self._stamps.best(frame) if self._is_timed else None
        if stamp is None:
            time = self._end or Fraction(0)
        else:
            time = stamp * self._time_base + self._offset
            if self._time is not None:
                time = self._mended(time)
        self._time = time
        self._end = time + self.length(frame)
        return time

    def length(self, frame):
        """Returns how many seconds a decoded frame is shown, where none follows."""
        length = frame.duration * self._time_base if self._is_timed else 0
        return length if 0 < length <= self._max_still else self.interval

    def _mended(self, time):
        step = time - self._time
        if self._is_set_anew and (step > _ANOTHER_CLOCK or step < -_BACKWARDS):
            self._offset += self._end - time
            return self._end
        if abs(step) > self._max_still:
            raise ValueError(
                f"its clock jumps by {float(step):,.0f} s, where {self._max_still:,} s are allowed"
            )
        return max(time, self._time)


class _Stamps:
    """Chooses between a frame's time stamps: when it is shown, and when it was decoded.

    Frames come in order, so a kind of time stamp that goes back is at fault. AVI knows only the
    second kind, from which others make up the first.
    """

    def __init__(self):
        self._last = {"pts": None, "dts": None}
        self._faults = {"pts": 0, "dts": 0}

    def best(self, frame):
        stamps = {"pts": frame.pts, "dts": frame.dts}
        for kind, stamp in stamps.items():
            if stamp is not None:
                last = self._last[kind]
                self._faults[kind] += last is not None and stamp <= last
                self._last[kind] = stamp
        if stamps["pts"] is not None and (
            stamps["dts"] is None or self._faults["pts"] <= self._faults["dts"]
        ):
            return stamps["pts"]
        return stamps["dts"]


def with_repeats(frame, begin, end, repeats):
    """Yields `(frame, begin, end)` of each part of a frame that is shown again at some times.

    All times are in seconds; `repeats` is a sorted `deque`, and those before `end` are taken out.
    """
    while repeats and repeats[0] < end:
        again = repeats.popleft()
        if again > begin:
            yield frame, begin, again
            begin = again
    yield frame, begin, end


def at_rate(timed, frame_rate):
    """Drops or repeats triples `(frame, begin, end)`, in seconds, to give a frame rate.

    At least one is left.
    """
    rate = Fraction(str(frame_rate))
    first, last, count = None, None, 0
    for last in timed:
        _, begin, end = last
        first = begin if first is None else first
        while first + (count + Fraction(1, 2)) / rate + _ROUNDING < end:
            yield last
            count += 1
    if last is not None and not count:
        yield last
