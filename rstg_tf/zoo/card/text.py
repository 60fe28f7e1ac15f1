"""The sections of a card, in their order."""

from rstg_tf.zoo.card import ending, figures, introduction, training, use


def render(facts):
    """Writes the card of a model that was trained here.

    Args:
        facts: what there is to tell, `Facts`.

    Returns:
        The text of `README.md`.
    """
    return _page(
        introduction.header(facts),
        introduction.what_it_is(facts),
        introduction.architecture(facts),
        use.how_to_use(facts),
        use.contract(facts),
        figures.measured(facts),
        figures.beside_published(facts),
        figures.costs(facts),
        training.recipe(facts),
        ending.limits(facts),
        ending.licence(),
        ending.checksums(facts),
    )


def render_conversion(facts, source):
    """Writes the card of a network that was converted from the authors' checkpoint.

    Args:
        facts: what there is to tell, `Facts`; of its metrics the shape of the clips only, of its
            training the parameters only, and no costs.
        source: what `conversion.json` holds.

    Returns:
        The text of `README.md`.
    """
    return _page(
        introduction.short_header(facts),
        introduction.what_was_converted(facts, source),
        use.how_to_use(facts),
        use.contract(facts),
        "## Figures\n\n"
        f"Not measured here. `python pipelines/evaluate.py model_zoo/{facts.name} --data=SHARDS` "
        "measures it on shards of the data set that it was trained on.",
        ending.licence(),
        ending.checksums(facts),
    )


def _page(*sections):
    return "\n\n".join(section for section in sections if section) + "\n"
