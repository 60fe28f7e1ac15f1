"""Makes SyncMNIST: several moving digits, two of which move in synchrony, as TFRecord shards.

    python pipelines/make_syncmnist.py --digits=5 --split=test --output=data/sync5

The same command goes on where it was interrupted.
"""

import _startup

import _make


def main():
    parser = _make.parser(__doc__)
    parser.add_argument("--digits", type=int, default=5, help="2 ... 10 digits (default: 5)")
    parser.add_argument("--frames", type=int, default=10, help="frames of a video (default: 10)")
    parser.add_argument("--size", type=int, default=64, help="pixels (default: 64)")
    parser.add_argument(
        "--z-order", "--z_order", default="authors", help="authors (default) or shuffled"
    )
    parser.add_argument(
        "--noise-parts", "--noise_parts", type=int, default=0, help="moving cuts of digits"
    )
    parser.add_argument(
        "--persistence", type=float, default=0.0, help="chance of keeping a step, in [0, 1)"
    )
    parser.add_argument(
        "--no-pair",
        "--no_pair",
        type=float,
        default=1 / 92,
        help='probability of "no pair" (default: 1/92, the published task)',
    )
    parser.add_argument(
        "--source", default="auto", help="of digits: mnist, embedded or auto (MNIST if it is there)"
    )
    parser.add_argument("--mnist-path", "--mnist_path", metavar="FILE.npz", help="MNIST's file")
    parser.add_argument(
        "--trajectories", metavar="FILE", help="recorded motion; gives digits, frames and parts"
    )
    arguments = parser.parse_args()
    with _startup.one_line_errors():
        from rstg_tf.data.synthetic.syncmnist import SyncMNIST

        source = SyncMNIST(
            digits=arguments.digits,
            frames=arguments.frames,
            size=arguments.size,
            z_order=arguments.z_order,
            noise_parts=arguments.noise_parts,
            persistence=arguments.persistence,
            no_pair=arguments.no_pair,
            split=arguments.split,
            seed=arguments.seed,
            source=arguments.source,
            mnist_path=arguments.mnist_path,
            trajectories=arguments.trajectories,
            num_videos=arguments.num_videos,
        )
        _make.make(source, arguments)


if __name__ == "__main__":
    main()
