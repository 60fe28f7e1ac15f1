"""Whether a video file goes on to its end, read off the lengths that its container states.

FFmpeg takes what is left of a file that was cut off for the whole of it, in most containers without
a word. Here only lengths are followed, of what the container is made of; nothing is decoded. What
is not known (raw streams, bytes behind the end) counts as whole.
"""

import io
import re

_TAIL = 2**18  # Bytes; longer than any page of Ogg and any packet of MPEG.


def missing_bytes(file):
    """Returns the least number of bytes missing at the end of a seekable file, 0 if unknown."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(24)
    needed = 0
    for magic, end in _ENDS:
        if re.match(magic, head, re.DOTALL):
            needed = end(_Bytes(file, size))
            break
    file.seek(0)
    return max(0, needed - size)


class _Bytes:
    """Numbers and bytes of a file by their place; bytes behind its end are not there."""

    def __init__(self, file, size):
        self.size = size
        self._file = file

    def read(self, place, count):
        self._file.seek(place)
        return self._file.read(count)

    def number(self, place, count, order="big"):
        return int.from_bytes(self.read(place, count), order)


def _end_of_boxes(data):
    """MP4, MOV, 3GP: boxes one after the other."""
    place = 0
    while place < data.size:
        head = data.read(place, 16)
        if not re.fullmatch(rb"[A-Za-z0-9 ]{4}", head[4:8]) and len(head) >= 8:
            break  # Whatever stands behind the last box.
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:], "big")
        if length == 0:  # To the end.
            break
        if length < 8 and len(head) >= 8:
            break
        place += max(length, 8)
    return place


def _end_of_ebml(data):
    """Matroska, WebM: elements; those of unknown length (of a live recording) are entered."""
    place = 0
    while place < data.size:
        first = data.number(place, 1)
        id_length = 9 - first.bit_length()
        if id_length > 4:
            break
        size_place = place + id_length
        if size_place >= data.size:
            return size_place + 1
        first = data.number(size_place, 1)
        size_length = 9 - first.bit_length()
        if size_length > 8:
            break
        place = size_place + size_length
        bits = 7 * size_length
        length = data.number(size_place, size_length) & ((1 << bits) - 1)
        if place <= data.size and length != (1 << bits) - 1:
            place += length
    return place


def _end_of_riff(data):
    """AVI: chunks called RIFF, one for each gigabyte; of one of no length the end is not known."""
    place = 0
    while data.read(place, 4) == b"RIFF":
        length = data.number(place + 4, 4, "little")
        if length in (0, 2**32 - 1):
            return 0
        place += 8 + length
        if place >= data.size:
            # Some count the head as well; what is missing then is no frame.
            return place if place > data.size + 8 else 0
        place += length % 2
    return 0


def _end_of_flv(data):
    place = data.number(5, 4) + 4
    while place < data.size:
        head = data.read(place, 11)
        if head[0] & 0x1F not in (8, 9, 18):
            break
        if len(head) < 11:
            return place + 11
        end = place + 11 + int.from_bytes(head[1:4], "big")
        place = end + 4  # The length is told again.
    return place if place > data.size else 0


def _end_of_gif(data):
    flags = data.number(10, 1)
    place = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    while place < data.size:
        kind = data.number(place, 1)
        if kind == 0x21:
            place += 2
        elif kind == 0x2C:
            flags = data.number(place + 9, 1)
            place += 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
        else:  # The end, or no GIF any more.
            return 0
        while place < data.size and (length := data.number(place, 1)):
            place += 1 + length
        place += 1
    return max(place, data.size) + 1  # The byte that says that this is the end.


def _end_of_png(data):
    place = 8
    while place < data.size:
        head = data.read(place, 8)
        if head[4:] == b"IEND":
            return place + 12
        place += 12 + int.from_bytes(head[:4], "big")
    return place + 12


def _end_of_ogg(data):
    tail = max(0, data.size - _TAIL)
    place = tail + max(0, data.read(tail, _TAIL).find(b"OggS\0"))
    is_last = True
    while (head := data.read(place, 27))[:4] == b"OggS":
        if len(head) < 27:
            return place + 27
        is_last = head[5] & 4
        lengths = data.read(place + 27, head[26])
        place += 27 + head[26] + sum(lengths)
        if place > data.size:
            return place
    # What follows a page is a page, or nothing; the last page says so.
    return place + 27 if b"OggS".startswith(head) and (head or not is_last) else 0


def _end_of_transport_stream(data):
    for length, offset in ((188, 0), (192, 4), (204, 0)):
        if all(data.read(number * length + offset, 1) in (b"G", b"") for number in range(4)):
            return -(-data.size // length) * length
    return 0


def _end_of_program_stream(data):
    """MPEG-1 and MPEG-2, VOB: packs and packets, which have lengths of 16 bits."""
    tail = max(0, data.size - _TAIL)
    place = tail + max(0, data.read(tail, _TAIL).find(b"\0\0\1\xba"))
    while (head := data.read(place, 14))[:3] == b"\0\0\1":
        if len(head) < 4:
            return place + 4
        if head[3] == 0xB9:  # The end of the program.
            place += 4
        elif head[3] == 0xBA:
            is_mpeg2 = len(head) > 4 and head[4] >> 6 == 1
            place += 14 + (head[13] & 7 if len(head) == 14 else 0) if is_mpeg2 else 12
        elif head[3] > 0xBA:
            place += 6 + (int.from_bytes(head[4:6], "big") if len(head) >= 6 else 0)
        else:
            return 0
        if place > data.size:
            return place
    return 0


def _end_of_asf(data):
    """ASF, WMV: the length of the file stands in it, unless it was broadcast."""
    end = data.number(16, 8, "little")
    place = 30
    while place + 24 < min(end, data.size):
        if data.read(place, 4) == b"\xa1\xdc\xab\x8c":
            is_broadcast = data.number(place + 88, 4, "little") & 1
            return 0 if is_broadcast else data.number(place + 40, 8, "little")
        place += max(24, data.number(place + 16, 8, "little"))
    return 0


def _end_of_mxf(data):
    place, footer = 0, 0
    while place < data.size:
        key = data.read(place, 16)
        if not key.startswith(b"\x06\x0e\x2b\x34"[: len(key)]):
            return footer
        length, start = data.number(place + 16, 1), place + 17
        if length > 0x80:
            more = length & 0x7F
            length, start = data.number(start, more), start + more
        if place == 0:  # The head says where the last part of the file is, once it is known.
            footer = data.number(start + 24, 8) + 17
        place = start + length
    return max(place, footer)


def _end_of_ivf(data):
    place = data.number(6, 2, "little")
    while place < data.size:
        place += 12 + data.number(place, 4, "little")
    return place


def _end_of_real_media(data):
    place = 0
    while re.fullmatch(rb"[.A-Z]{4}", (head := data.read(place, 8))[:4]) and len(head) == 8:
        length = max(10, int.from_bytes(head[4:], "big"))
        if head[:4] == b"DATA":  # Tables follow. FFmpeg writes too large a length.
            return place + length - 10
        place += length
    return place


def _end_of_nut(data):
    """An index ends the file, and is told by its own length, where one could be written."""
    length = data.number(max(0, data.size - 12), 8)
    has_index = data.read(max(0, data.size - length), 2) == b"NX"
    return 0 if has_index else data.size + 1


def _end_of_dv(data):
    """Frames of 10 or 12 parts, all of one length."""
    length = 12_000 * (12 if data.number(3, 1) & 0x80 else 10)
    return -(-data.size // length) * length


def _end_of_obus(data):
    """Raw AV1, where each unit says how long it is."""
    place = 0
    while place < data.size:
        head = data.read(place, 10)
        if head[0] & 0x83 != 2:  # Not the form with lengths, or no unit at all.
            return 0
        start = 2 if head[0] & 4 else 1
        length, count = 0, 0
        for count, byte in enumerate(head[start:], 1):
            length |= (byte & 0x7F) << 7 * (count - 1)
            if byte < 0x80:
                break
        place += start + count + length
    return place


def _end_of_jpegs(data):
    """Raw motion JPEG: the last picture has an end."""
    place = max(0, data.size - _TAIL)
    tail = data.read(place, _TAIL)
    return 0 if tail.rfind(b"\xff\xd9") > tail.rfind(b"\xff\xd8\xff") else data.size + 2


def _end_of_y4m(data):
    line = data.read(0, 256).split(b"\n")[0].decode("ascii", "replace")
    fields = {field[0]: field[1:] for field in line.split()[1:]}
    if not all(fields.get(name, "").isdigit() for name in "WH"):
        return 0
    width, height, colours = int(fields["W"]), int(fields["H"]), fields.get("C", "420")
    half, quarter = -(-width // 2), -(-width // 4)
    samples = width * height
    if colours.startswith("420"):
        samples += 2 * half * -(-height // 2)
    elif colours.startswith("422"):
        samples += 2 * half * height
    elif colours.startswith("411"):
        samples += 2 * quarter * height
    elif colours.startswith("444"):
        samples *= 4 if "alpha" in colours else 3
    elif not colours.startswith("mono"):
        return 0
    length = samples * (2 if re.search(r"(p|mono)(9|1\d)$", colours) else 1)
    place = len(line) + 1
    while place < data.size:
        head = data.read(place, 80)
        if not head.startswith(b"FRAME"[: len(head)]):
            return 0
        place += max(6, head.find(b"\n") + 1) + length
    return place


_ENDS = (
    (rb"....(ftyp|styp|moov|mdat|wide|free|skip|pnot|moof|sidx)", _end_of_boxes),
    (rb"\x1a\x45\xdf\xa3", _end_of_ebml),
    (rb"RIFF....AVI ", _end_of_riff),
    (rb"FLV", _end_of_flv),
    (rb"GIF8", _end_of_gif),
    (rb"\x89PNG", _end_of_png),
    (rb"OggS", _end_of_ogg),
    (rb"(....)?G", _end_of_transport_stream),
    (rb"\0\0\x01\xba", _end_of_program_stream),
    (rb"\x30\x26\xb2\x75", _end_of_asf),
    (rb"\x06\x0e\x2b\x34", _end_of_mxf),
    (rb"DKIF", _end_of_ivf),
    (rb"YUV4MPEG2", _end_of_y4m),
    (rb"\x1f\x07\0[\x3f\xbf]", _end_of_dv),
    (rb"nut/multimedia container", _end_of_nut),
    (rb"\.RMF", _end_of_real_media),
    (rb"\x12\0\x0a", _end_of_obus),
    (rb"\xff\xd8\xff", _end_of_jpegs),
)
