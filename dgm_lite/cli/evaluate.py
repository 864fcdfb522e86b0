"""``evaluate``: how good trained weights are on a split."""

import argparse

from dgm_lite.cli import options


def add(commands: argparse._SubParsersAction) -> None:
    """The command and its options."""
    command = commands.add_parser("evaluate", help="log-likelihood on a split")
    command.add_argument("weights", help=options.WEIGHTS)
    why = "default: valid, because models must not be chosen on test"
    command.add_argument("--split", choices=options.SPLITS, default="valid", help=why)
    options.seed(command)
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Print the likelihood, or what stands for it where there is none.

    Raises:
        ValueError: If the file is no weights file, or does not say its data set.
        OSError: If there is no such file.
    """
    from dgm_lite import catalog
    from dgm_lite.cli import inputs
    from dgm_lite.cli.measured import measured

    options.check_seed(args.seed, "evaluate")
    model, about = catalog.load(inputs.weights_file(args.weights))
    data = inputs.data_of(about, args.weights)
    print(f"{catalog.model(about['name']).title} on {data.name}, {args.split}:")
    print(measured(model, data, args.split, args.seed))
