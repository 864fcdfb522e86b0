"""``list``: models, data sets and weights by name."""

import argparse


def add(commands: argparse._SubParsersAction) -> None:
    """The command and its options."""
    command = commands.add_parser("list", help="models, data sets and weights by name")
    command.set_defaults(run=run)


def run(_: argparse.Namespace) -> None:
    """Print them."""
    from dgm_lite import catalog
    from dgm_lite.catalog.data import DATA
    from dgm_lite.cli.inputs import shipped

    for entry in catalog.MODELS:
        print(f"{entry.name:20} {entry.title} (on {entry.data})")
    print("data sets:", ", ".join(DATA))
    print("weights that travel along:", ", ".join(shipped()))
