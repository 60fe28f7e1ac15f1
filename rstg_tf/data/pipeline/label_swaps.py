"""Classes that a mirrored clip exchanges: what goes left in one goes right in the other."""

import re

# Something-Something's classes that name left and right, by index.
NAMED = {
    "something_something_v1": ((2, 4), (30, 41), (52, 66)),
    "something_something_v2": ((86, 87), (93, 94), (166, 167)),
}


def parse_swaps(text):
    """Reads pairs of classes.

    Args:
        text: a name of `NAMED`, pairs of class indices such as `"2-4 30-41"`, or `""` for none.

    Returns:
        Tuple of pairs of ints.

    Raises:
        ValueError: it is neither, or a class stands in two pairs.
    """
    if text in NAMED:
        return NAMED[text]
    if not re.fullmatch(r"(\d+-\d+( |$))*", text):
        raise ValueError(
            f'swap_labels must be one of {list(NAMED)}, or pairs such as "2-4 30-41". '
            f"Received: {text!r}"
        )
    pairs = tuple(tuple(map(int, pair.split("-"))) for pair in text.split())
    classes = [index for pair in pairs for index in pair]
    if len(set(classes)) != len(classes):
        raise ValueError(f"A class can be swapped with one other only. Received: {text!r}")
    return pairs


def check_swaps(pairs, class_names):
    """Checks that a flip turns every clip into one of the class that it is labelled with.

    Args:
        pairs: what `parse_swaps` returned.
        class_names: names of the classes, in order.

    Raises:
        ValueError: a pair names no class, or a class that names left or right is in no pair.
    """
    swapped = {index for pair in pairs for index in pair}
    if swapped and max(swapped) >= len(class_names):
        raise ValueError(
            f"swap_labels must name classes from 0 to {len(class_names) - 1}. "
            f"Received: {max(swapped)}"
        )
    for index, name in enumerate(class_names):
        if index not in swapped and re.search(r"\b(left|right)\b", name.lower().replace("_", " ")):
            raise ValueError(
                "A flip turns left into right: swap_labels must pair every class that names one. "
                f"Received: class {index}, {name!r}, in no pair"
            )
