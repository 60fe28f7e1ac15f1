"""Makes Interactions: clips of hands and things that only the order of time tells apart, as shards.

    python pipelines/make_interactions.py --split=test --output=data/interactions

The same command goes on where it was interrupted.
"""

import _startup

import _make


def main():
    parser = _make.parser(__doc__)
    parser.add_argument("--size", type=int, default=64, help="pixels (default: 64)")
    parser.add_argument("--frames", type=int, default=16, help="frames of a clip (default: 16)")
    parser.add_argument(
        "--distractors", type=int, default=2, help="up to so many bystanders (default: 2)"
    )
    parser.add_argument("--difficulty", type=float, default=0.5, help="0 ... 1 (default: 0.5)")
    arguments = parser.parse_args()
    with _startup.one_line_errors():
        from rstg_tf.data.synthetic.interactions import Interactions

        source = Interactions(
            size=arguments.size,
            frames=arguments.frames,
            distractors=arguments.distractors,
            difficulty=arguments.difficulty,
            split=arguments.split,
            seed=arguments.seed,
            num_examples=arguments.num_videos,
        )
        _make.make(source, arguments)


if __name__ == "__main__":
    main()
