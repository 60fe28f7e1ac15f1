"""The end of a card: limits, licence, citation, checksums."""

from rstg_tf.zoo.card.introduction import is_rendered
from rstg_tf.zoo.markdown import inline


def limits(facts):
    """What nobody should expect of the model."""
    data = facts.metrics["data"]
    rendered = (
        "Trained on rendered clips only: it knows nothing of filmed ones, and its "
        if is_rendered(data)
        else "Its "
    )
    fewer = (
        "Fewer frames are measured in [evaluation.ipynb](evaluation.ipynb), more frames and other "
        "sizes run, but were not measured."
        if "evaluation.ipynb" in facts.checksums
        else "Other numbers of frames and other sizes run, but were not measured."
    )
    _, most = facts.metrics["figures"].get("no_pair_interval_95", (0, 1))
    blind = " It takes nearly every clip without a pair for one with a pair." if most < 0.25 else ""
    return (
        f"## Limits\n\n{rendered}figures hold for clips like those of {inline(data['name'])}. "
        f"{fewer}{blind} One training, one seed."
    )


def licence():
    """Licence and citation."""
    return (
        "## Licence and citation\n\n"
        "Apache-2.0. The model is that of\n\n"
        "```bibtex\n"
        "@inproceedings{nicolicioiu2019recurrent,\n"
        "  title     = {Recurrent Space-time Graph Neural Networks},\n"
        "  author    = {Nicolicioiu, Andrei and Duta, Iulia and Leordeanu, Marius},\n"
        "  booktitle = {Advances in Neural Information Processing Systems},\n"
        "  year      = {2019}\n"
        "}\n"
        "```"
    )


def checksums(facts):
    """The sha256 of every file but the card."""
    rows = [f"{checksum}  {path}" for path, checksum in facts.checksums.items()]
    return "\n".join(
        [
            "## Checksums",
            "",
            "sha256, as in `manifest.json`, which has this card's, too:",
            "",
            "```",
            *rows,
            "```",
        ]
    )
