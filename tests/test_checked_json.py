"""JSON of a form: what is taken, and what is refused in one line that names the file."""

import pytest

from rstg_tf.checked_json import Optional, parse, read

FORM = {
    "name": str,
    "shape": ([int], None),
    "splits": {str: {"bytes": int, "rate": float}},
    Optional("note"): object,
}
GOOD = '{"name": "n", "shape": [1, 2], "splits": {"train": {"bytes": 3, "rate": 1}}}'


def test_what_fits_is_read_as_it_is():
    assert parse(GOOD.encode(), FORM, "The file", "a.json") == {
        "name": "n",
        "shape": [1, 2],
        "splits": {"train": {"bytes": 3, "rate": 1}},
    }
    more = GOOD.replace('"name"', '"note": [{}], "other": null, "name"').replace("[1, 2]", "null")
    assert parse(more, FORM, "The file", "a.json")["shape"] is None


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"name": "n"', '"name": 5', "name must be str, not int"),
        ('"name": "n"', '"nane": "n"', "it lacks 'name'"),
        ('"bytes": 3', '"bytes": true', r"splits\.train\.bytes must be int, not bool"),
        ('"bytes": 3', '"bytes": 3.0', r"splits\.train\.bytes must be int, not float"),
        ('"bytes": 3', '"bites": 3', "splits.train lacks 'bytes'"),
        ('"rate": 1', '"rate": 1e400', "1e400, which is not a finite number"),
        ('"rate": 1', '"rate": NaN', "NaN, which is not a finite number"),
        ('"rate": 1', '"rate": -Infinity', "-Infinity, which is not a finite number"),
        ('"rate": 1', '"rate": ' + "9" * 5000, "digits"),
        ('"rate": 1', '"rate": 1' + "0" * 400, "whole number of 401 digits"),
        ('"bytes": 3', '"bytes": -18446744073709551616', "whole number of 21 digits"),
        ("[1, 2]", '[1, "2"]', "shape"),
        ("[1, 2]", "{}", "shape must be"),
        ('{"name"', '{"name": "m", "name"', "the key 'name' twice"),
        ('{"name"', '["name"', "Expecting"),
        (GOOD, "[]", "it must be dict, not list"),
        (GOOD, "", "Expecting value"),
        (GOOD, "[" * 100_000, "nested too deep"),
        (GOOD, '{"name":' * 100_000, "nested too deep"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(old, new, reason):
    assert old in GOOD
    with pytest.raises(ValueError, match=f"The file is damaged.*{reason}.*a.json") as raised:
        parse(GOOD.replace(old, new, 1), FORM, "The file", "a.json")
    assert "\n" not in str(raised.value)


def test_bytes_that_are_no_text():
    with pytest.raises(ValueError, match=r"is damaged.*a\.json"):
        parse(b"\xff\xfe\x00", FORM, "The file", "a.json")


def test_no_more_is_read_of_a_file_than_json_may_have(tmp_path, monkeypatch):
    path = tmp_path / "info.json"
    path.write_text(GOOD)
    assert read(path, FORM, "The description") == parse(GOOD, FORM, "The description", path)
    monkeypatch.setattr("rstg_tf.checked_json._MAX_BYTES", len(GOOD) - 1)
    with pytest.raises(ValueError, match=rf"more than {len(GOOD) - 1} bytes.*Received: {path}"):
        read(path, FORM, "The description")
