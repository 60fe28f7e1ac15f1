"""Pickles of a dict of NumPy arrays, read as data: nothing that they name is ever called.

A pickle is a program. The few instructions that such a dict needs are carried out here on plain
values; what stands for a function or a type of NumPy is a name, and an array is made of bytes only
when its type, its shape and their number fit.
"""

import codecs
import io
import math
import pickletools
from typing import NamedTuple

import numpy as np

MAX_BYTES = 2**30
_MAX_STEPS = 5_000_000
_MAX_AXES, _MAX_DEPTH = 8, 100
_KINDS = ("b1", *(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)), "f2", "f4", "f8")
_SIMPLE = {
    *("INT", "LONG", "LONG1", "BININT", "BININT1", "BININT2", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE"),
    *("BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class Refused(ValueError):
    """A pickle holds something else than arrays and plain containers."""


class Array(NamedTuple):
    """An array, not made yet."""

    shape: tuple
    kind: str  # Such as "<i8".
    order: str  # "C" or "F".
    content: bytes | str  # Text stands for its bytes in Latin-1.

    @property
    def size(self):
        """Number of elements."""
        return math.prod(self.shape)

    def made(self):
        """Returns the `numpy.ndarray`."""
        content = self.content
        data = content.encode("latin1") if isinstance(content, str) else content
        return np.frombuffer(data, self.kind).reshape(self.shape, order=self.order)


def read_arrays(content):
    """Reads a pickle of any protocol, Python and NumPy, of at most `MAX_BYTES` bytes.

    It may hold plain values, text, bytes, containers (even within themselves) and `Array`; else it
    raises `Refused`. A damaged one raises ValueError, EOFError, LookupError, TypeError or
    OverflowError.
    """
    return _Machine(content).run()


class _Name(str):
    """A function or type that a pickle names."""


_RECONSTRUCT = _Name("numpy.core.multiarray._reconstruct")
_FROM_BUFFER = _Name("numpy.core.numeric._frombuffer")
_ARRAY, _DTYPE = _Name("numpy.ndarray"), _Name("numpy.dtype")
_ENCODE, _BYTES = _Name("_codecs.encode"), _Name("builtins.bytes")
_NAMES = (_RECONSTRUCT, _FROM_BUFFER, _ARRAY, _DTYPE, _ENCODE, _BYTES)


class _Made:
    """What is called into being first and told its state later: an array or a type."""

    def __init__(self, of, value=None):
        self.of, self.value, self.complete = of, value, False


class _Encoded(NamedTuple):
    """Bytes that are written as the text of the same characters."""

    text: str


class _Machine:
    def __init__(self, content):
        self._file, self._length = io.BytesIO(content), len(content)
        self._stack, self._below, self._memo = [], [], {}

    def run(self):
        for _ in range(_MAX_STEPS):
            code = self._file.read(1)
            if not code:
                raise EOFError("it ends too early")
            instruction = pickletools.code2op[code.decode("latin1")]
            if instruction.name == "STOP":
                return _value(self._stack.pop())
            self._step(instruction.name, self._argument(instruction))
        raise Refused(f"it has more than {_MAX_STEPS} instructions")

    def _argument(self, instruction):
        if instruction.arg is None:
            return None
        if instruction.name == "STRING":  # The reader of pickletools takes ASCII only.
            quoted = pickletools.read_stringnl(self._file, decode=False)
            return codecs.escape_decode(quoted)[0].decode("latin1")
        return instruction.arg.reader(self._file)

    def _step(self, name, argument):
        stack = self._stack
        if name in _SIMPLE:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _TUPLES:
            count = _TUPLES[name]
            stack[-count:] = [tuple(stack[len(stack) - _checked(count, stack) :])]
        elif name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            number = len(self._memo) if argument is None else argument
            if not 0 <= number <= _MAX_STEPS:
                raise ValueError(f"it remembers a value by the number {number}")
            self._memo[number] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(self._memo[argument])
        elif hasattr(self, f"_{name}"):
            getattr(self, f"_{name}")(argument)
        else:
            raise Refused(f"it has the instruction {name}")

    def _PROTO(self, number):
        if number > 5:
            raise ValueError(f"its protocol is {number}")

    def _FRAME(self, length):
        if length > self._length - self._file.tell():
            raise EOFError(f"a part of {length} bytes is cut off")

    def _MARK(self, _):
        if len(self._below) == _MAX_DEPTH:
            raise Refused(f"it is nested deeper than {_MAX_DEPTH}")
        self._below.append(self._stack)
        self._stack = []

    def _since_mark(self):
        items, self._stack = self._stack, self._below.pop()
        return items

    def _TUPLE(self, _):
        items = self._since_mark()
        self._stack.append(tuple(items))

    def _EMPTY_LIST(self, _):
        self._stack.append([])

    def _LIST(self, _):
        items = self._since_mark()
        self._stack.append(items)

    def _APPEND(self, _):
        item = self._stack.pop()
        self._top(list).append(item)

    def _APPENDS(self, _):
        items = self._since_mark()
        self._top(list).extend(items)

    def _EMPTY_DICT(self, _):
        self._stack.append({})

    def _DICT(self, _):
        items = self._since_mark()
        self._stack.append({})
        self._set(items)

    def _SETITEM(self, _):
        items = [self._stack.pop(-2), self._stack.pop()]
        self._set(items)

    def _SETITEMS(self, _):
        items = self._since_mark()
        self._set(items)

    def _set(self, items):
        made = self._top(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str) or isinstance(key, _Name):
                raise Refused(f"a key of it is of type {type(key).__name__}")
            made[key] = value

    def _top(self, kind):
        if not isinstance(self._stack[-1], kind):
            raise TypeError(f"it fills a {type(self._stack[-1]).__name__} as a {kind.__name__}")
        return self._stack[-1]

    def _GLOBAL(self, names):
        self._name(*names.split(" ", 1))

    def _STACK_GLOBAL(self, _):
        name, module = self._stack.pop(), self._stack.pop()
        if not (isinstance(name, str) and isinstance(module, str)):
            raise TypeError("it names a function by something else than text")
        self._name(module, name)

    def _name(self, module, name):
        module = module.replace("numpy._core", "numpy.core").replace("__builtin__", "builtins")
        wanted = _Name(f"{module}.{name}")
        if wanted not in _NAMES:
            raise Refused(f"it asks for {module}.{name}"[:200])
        self._stack.append(wanted)

    def _REDUCE(self, _):
        arguments, function = self._stack.pop(), self._stack.pop()
        if not (isinstance(function, _Name) and isinstance(arguments, tuple)):
            raise Refused("it calls what is no function of NumPy")
        self._stack.append(_called(function, arguments))

    def _BUILD(self, _):
        state, made = self._stack.pop(), self._stack[-1]
        if not isinstance(made, _Made) or made.complete or not isinstance(state, tuple):
            raise Refused("it gives a state to what has none")
        if made.of == _DTYPE:
            made.value = _kind(made.value, state)
        elif len(state) != 5 or state[0] != 1:
            raise Refused("an array of it has an unknown state")
        else:
            made.value = _array(*state[1:])
        made.complete = True


def _checked(count, stack):
    if len(stack) < count:
        raise IndexError("it takes more values than there are")
    return count


def _called(function, arguments):
    if function == _RECONSTRUCT and len(arguments) == 3 and arguments[0] == _ARRAY:
        return _Made(_ARRAY)
    if function == _DTYPE and 1 <= len(arguments) <= 3 and isinstance(arguments[0], str):
        return _Made(_DTYPE, arguments[0])
    if function == _FROM_BUFFER and len(arguments) == 4 and arguments[3] in ("C", "F"):
        content, kind, shape, order = arguments
        made = _Made(_ARRAY, _array(shape, kind, order == "F", content))
        made.complete = True
        return made
    if function == _ENCODE and len(arguments) == 2:
        text, encoding = arguments
        if isinstance(text, str) and encoding in ("latin1", "latin-1"):
            return _Encoded(text)
    if function == _BYTES and not arguments:
        return b""
    raise Refused(f"it calls {function} with other arguments than those of an array")


def _kind(name, state):
    """Type of elements: its name and the order of its bytes, nothing else."""
    if name not in _KINDS:
        raise Refused(f"an array of it is of type {name[:20]!r}, where it must hold whole numbers")
    if len(state) != 8 or state[1] not in ("<", ">", "|", "=") or state[2:5] != (None,) * 3:
        raise Refused("a type of it has an unknown state")
    return state[1] + name


def _array(shape, kind, fortran, content):
    if isinstance(content, _Encoded):
        content = content.text
    if not (isinstance(kind, _Made) and kind.of == _DTYPE and kind.complete):
        raise Refused("an array of it has no type")
    if not (
        isinstance(shape, tuple)
        and len(shape) <= _MAX_AXES
        and all(type(length) is int and 0 <= length <= MAX_BYTES for length in shape)
        and isinstance(content, str | bytes | bytearray)
    ):
        raise Refused("an array of it has an unknown state")
    wanted = math.prod(shape) * np.dtype(kind.value).itemsize
    if len(content) != wanted:
        raise ValueError(f"an array of shape {shape} needs {wanted} bytes, not {len(content)}")
    return Array(shape, kind.value, "F" if fortran else "C", content)


def _value(value):
    """The result; a made one stands for its array."""
    if isinstance(value, dict):
        return {key: _inner(item) for key, item in value.items()}
    return _inner(value)


def _inner(value):
    if isinstance(value, _Made):
        return value.value if isinstance(value.value, Array) else None
    return value
