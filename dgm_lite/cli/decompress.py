"""``decompress``: what a short file holds."""

import argparse

from dgm_lite.cli import options


def add(commands: argparse._SubParsersAction) -> None:
    """The command and its options."""
    command = commands.add_parser("decompress", help="read a file that compress wrote")
    command.add_argument("weights", help=f"the ones that compress had: {options.WEIGHTS}")
    command.add_argument("input", type=options.path, help="a .dgm file")
    command.add_argument("--out", type=options.path, required=True, help=".npy (numbers) or .png (a picture)")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Write what a compressed file holds, whole or not at all.

    Raises:
        ValueError: On another ending than .npy or .png, or a file that is damaged or another model's.
        OSError: If an input is not there, or the output cannot be written.
    """
    import numpy as np
    import torch

    from dgm_lite import catalog, outputs
    from dgm_lite.cli import inputs, results
    from dgm_lite.codecs import container

    results.check("decompress", args.out)
    file = inputs.weights_file(args.weights)
    model, about = catalog.load(file)
    code = args.input.read_bytes()
    shape = container.read_header(code).shape
    picture = results.is_picture(args.out)
    data = inputs.data_of(about, args.weights) if picture else None
    if picture:
        results.check_picture("decompress", data, shape[0])
    outputs.place(args.out, inputs=[file, args.input])
    array = container.decompress(model, code)
    if picture:
        rows = torch.from_numpy(array.reshape(len(array), -1).astype(np.int64))
        written = results.picture(rows, data)
    else:
        written = results.numbers(array)
    outputs.write(args.out, written, inputs=[file, args.input])
    print(f"wrote {array.shape[0]:,} rows of {array[0].size:,} numbers to {args.out}")
