"""``sample``: draw from a trained model."""

import argparse
import os
from contextlib import suppress

from dgm_lite.cli import options

AT_ONCE = 1000  # draws; more would need memory for the model's own work on all of them


def add(commands: argparse._SubParsersAction) -> None:
    """The command and its options."""
    command = commands.add_parser("sample", help="draw from a trained model")
    command.add_argument("weights", help=options.WEIGHTS)
    command.add_argument("--n", type=int, default=100, help="how many (default 100)")
    options.seed(command)
    command.add_argument("--out", type=options.path, required=True, help=".npy (numbers) or .png (a picture)")
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Draw samples and write them as numbers or as a picture.

    Raises:
        ValueError: On another ending than .npy or .png, more samples than memory or a picture holds, or a
            model that cannot be sampled.
        OSError: If there are no such weights, or the file cannot be written.
    """
    from dgm_lite import catalog, outputs
    from dgm_lite.cli import inputs, results
    from dgm_lite.protocols import Sampler
    from dgm_lite.shapes import check_count

    results.check("sample", args.out)
    check_count(args.n, "sample", "--n")
    options.check_seed(args.seed, "sample")
    file = inputs.weights_file(args.weights)
    model, about = catalog.load(file)
    if not isinstance(model, Sampler):
        raise ValueError(f"sample: {type(model).__name__} cannot be sampled.")
    picture = results.is_picture(args.out)
    data = inputs.data_of(about, args.weights) if picture else None
    if picture:
        results.check_picture("sample", data, args.n)
    outputs.place(args.out, inputs=[file])
    x = _drawn(model, args.n, args.seed)
    written = results.picture(x, data) if picture else results.numbers(x.numpy())
    outputs.write(args.out, written, inputs=[file])
    print(f"wrote {args.n} samples to {args.out}")


def _drawn(model, n: int, seed: int):
    """(n, *event), drawn a part at a time, once it is sure that memory holds them all."""
    import torch

    generator, parts = torch.Generator().manual_seed(seed), []
    for k in range(0, n, AT_ONCE):
        parts.append(model.sample(min(AT_ONCE, n - k), generator=generator))
        most = _memory() // (4 * parts[0][0].nbytes)  # the parts, all of them, the file, and room to work
        if n > most:
            raise ValueError(
                f"sample: expected --n up to {most:,} for the memory of this machine, got {n:,}. "
                "Draw several files, each with its own --seed."
            )
    return torch.cat(parts)


def _memory() -> int:
    """Bytes of memory that the machine has; 2^40 where the system does not say."""
    with suppress(AttributeError, ValueError, OSError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return 2**40
