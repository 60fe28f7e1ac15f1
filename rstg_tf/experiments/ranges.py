"""Ranges of the numbers in an experiment, so that a slip is told before anything starts."""

import fnmatch
import math

_WIDTH = (1, 2**14)
_STEPS = (1, 10**9)
_SEED = (0, 2**31 - 1)
_ANY = 1.7976931348623157e308  # As much as is finite.
_TINY = 5e-324  # The least that is more than 0.
_BELOW_ONE = 0.9999999999999999
_POSITIVE = (_TINY, _ANY)
_NOT_NEGATIVE = (0, _ANY)
_SHARE = (0, _BELOW_ONE)

# The first pattern that fits a setting's name holds; a list or tuple is checked item by item.
_RANGES = {
    "model.num_classes": (2, 2**20),
    "model.channels": (1, 64),
    "model.dropout": _SHARE,
    "model.*.filters": _WIDTH,
    "model.*.units": _WIDTH,
    "model.*_dim": _WIDTH,
    "model.*.scales": (1, 32),
    "model.*.grid": (1, 32),
    "model.*.dim_map": (1, 256),
    "model.*.iterations": (1, 100),
    "model.*.update_layers": (1, 100),
    "model.*.heads": (1, 1024),
    "model.*.internal_time_stages": (0, 100),
    "model.*.window": (1, 1024),
    "model.*.width": (0.01, 16),
    "model.*.temporal_kernels.*": (1, 64),
    "model.*.res5_stride": (1, 8),
    "model.*.pool_padding": (0, 8),
    "*_data.global_batch_size": (1, 2**16),
    "*_data.num_examples": (0, 2**31),
    "*_data.seed": _SEED,
    "*_data.*.frames": (2, 1024),
    "*_data.*.distractors": (0, 64),
    "*_data.clips.size": (1, 2048),
    "*_data.clips.short_side": (1, 4096),
    "*_data.clips.stride": (1, 1024),
    "trainer.*.warmup_steps": (0, 10**9),
    "trainer.*steps": _STEPS,
    "trainer.*_interval": _STEPS,
    "trainer.max_to_keep": (1, 1000),
    "trainer.seed": _SEED,
    "trainer.label_smoothing": _SHARE,
    "trainer.*clip*": _POSITIVE,
    "trainer.*.weight_decay": _NOT_NEGATIVE,
    "trainer.*.beta_?": _SHARE,
    "trainer.*.rho": _SHARE,
    "trainer.*.momentum": _SHARE,
    "trainer.*.epsilon": _POSITIVE,
    "trainer.*.initial_accumulator_value": _NOT_NEGATIVE,
    "trainer.*.initial_learning_rate": _POSITIVE,
    "trainer.*.constant.learning_rate": _NOT_NEGATIVE,
    "trainer.*_learning_rate": _NOT_NEGATIVE,
    "trainer.*.values": _NOT_NEGATIVE,
    "trainer.*.boundaries": _STEPS,
    "trainer.*.decay_rate": _POSITIVE,
    "trainer.*.alpha": (0, 1),
    "trainer.*.linear_decay_fraction": (_TINY, 1),
    "trainer.*.offset": (0, 10**9),
    "trainer.*.average_decay": (_TINY, _BELOW_ONE),
    "runtime.num_gpus": (-1, 1024),
    "runtime.virtual_devices": (1, 64),
}


def rule(name, value):
    """The rule, in words, that a value breaks; None if it is in range or not a number."""
    if isinstance(value, (list, tuple)):
        return next((broken for item in value if (broken := rule(name, item))), None)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a finite number"
    everything = (-(2**63), 2**63 - 1) if isinstance(value, int) else (-_ANY, _ANY)
    low, high = next(
        (found for pattern, found in _RANGES.items() if fnmatch.fnmatchcase(name, pattern)),
        everything,
    )
    return None if low <= value <= high else f"must be {_in_words(low, high)}"


def _in_words(low, high):
    if high == _BELOW_ONE:
        return f"in {'[' if low == 0 else '('}0, 1)"
    least = "positive" if low == _TINY else f"{low} or more"
    if high == _ANY:
        return least
    return f"{least} and at most {high}" if low == _TINY else f"from {low} to {high}"
