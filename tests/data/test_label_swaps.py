import pytest

from rstg_tf.data.pipeline.clips import Clips, parse_swaps


def test_pairs_of_something_something_by_name():
    assert parse_swaps("something_something_v1") == ((2, 4), (30, 41), (52, 66))
    assert parse_swaps("something_something_v2") == ((86, 87), (93, 94), (166, 167))
    assert parse_swaps("2-4 30-41") == ((2, 4), (30, 41))
    assert parse_swaps("") == ()


@pytest.mark.parametrize("text", ["something", "2,4", "2-4-5", "1-2 2-3", "3-3"])
def test_other_words_are_refused(text):
    with pytest.raises(ValueError, match="Received"):
        parse_swaps(text)


def test_classes_of_left_and_right_must_be_paired():
    names = ["Pulling [something] from left to right", "Holding", "Pulling from right to left"]
    Clips(flip=True, swap_labels="0-2").check_classes(names)
    Clips().check_classes(names)
    with pytest.raises(ValueError, match="class 0, 'Pulling"):
        Clips(flip=True).check_classes(names)
    with pytest.raises(ValueError, match=r"from 0 to 2. Received: 7"):
        Clips(flip=True, swap_labels="0-2 1-7").check_classes(names)
    Clips(flip=True).check_classes(["bright", "leftover"])
