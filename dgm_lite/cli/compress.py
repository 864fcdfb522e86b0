"""``compress``: integers as a short file."""

import argparse

from dgm_lite.cli import options


def add(commands: argparse._SubParsersAction) -> None:
    """The command and its options."""
    command = commands.add_parser(
        "compress", help="write integers as a short file, with a model's probabilities",
        description="Write integers as a short file. With an autoregressive model, a flow on integers or a "
        "VAE every number comes back; with a transform coder they come back nearly.",
    )  # fmt: skip
    command.add_argument("weights", help=options.WEIGHTS)
    command.add_argument(
        "input", help="a data set that `list` prints by name, or else a .npy file of integers, (N, *event)"
    )
    command.add_argument(
        "--split", choices=options.SPLITS, default="test", help="of a data set (default test)"
    )
    command.add_argument(
        "--out", type=options.path, required=True, help="file to write; by custom it ends in .dgm"
    )
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Compress an array or a split of a data set, and say how short it became.

    Raises:
        ValueError: If the model has no codec, the numbers are not such as it takes, or the output is read.
        OSError: If an input is not there, or the output cannot be written.
    """
    from dgm_lite import catalog, outputs
    from dgm_lite.cli import inputs
    from dgm_lite.codecs import container

    file = inputs.weights_file(args.weights)
    model, _ = catalog.load(file)
    container.codec_of(model)
    array = inputs.integers(args.input, args.split)
    read = [file, options.path(args.input)]
    outputs.place(args.out, inputs=read)
    data = container.compress(model, array)
    outputs.write(args.out, data, inputs=read)
    header = container.read_header(data)
    rows, numbers, code = len(array), array[0].size, len(header.payload)
    print(f"{rows:,} rows of {numbers:,} numbers, by the codec {header.codec}: {len(data):,} bytes")
    print(
        f"of which {code:,} are code, {8 * code / array.size:.3f} bits a number; {header.overhead} the frame"
    )
    print(f"wrote {args.out}")
