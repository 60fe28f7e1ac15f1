"""The card of a published model: `README.md` with a header in the form of Hugging Face."""

from rstg_tf.zoo.card.facts import FILE_NAME, Facts, read_facts
from rstg_tf.zoo.card.text import render, render_conversion
from rstg_tf.zoo.card.writing import LOG, write_card

__all__ = ["FILE_NAME", "LOG", "Facts", "read_facts", "render", "render_conversion", "write_card"]
