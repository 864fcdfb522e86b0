"""``compare``: every family measured in the same way."""

import argparse
from pathlib import Path

from dgm_lite.cli import options

PARTS = "formats,sampling,stability,lossy,lossless,digits"
MOST = 1000  # seeds and epochs: beyond, nobody means it


def add(commands: argparse._SubParsersAction) -> None:
    """The command and its options."""
    command = commands.add_parser(
        "compare", help="measure every family in the same way: the numbers behind the book's table",
        description="Train every family on the same digits, several times, and write what was measured to "
        "one file, a row a number. It takes about three quarters of an hour on one core; stopped, it goes "
        "on where it was. Several can work on one file at the same time.",
    )  # fmt: skip
    command.add_argument(
        "--out", type=options.path, default=Path("comparison.json"), help="default: %(default)s"
    )
    command.add_argument("--seeds", type=int, default=3, help="trainings of each model (default 3)")
    command.add_argument("--only", default="", help=f"some parts, by comma: {PARTS}")
    command.add_argument("--epochs", type=int, help="instead of each model's own, to try it out")
    kept = "What was measured is in the file, and the same command goes on from there."
    command.set_defaults(run=run, stopped=kept)


def run(args: argparse.Namespace) -> None:
    """Measure what is not in the result file yet, and print a short table of all that is.

    Raises:
        ValueError: If there is no such part, or the file was made with other settings.
        OSError: If the file cannot be written; found before anything is measured.
    """
    from dgm_lite.comparison import jobs, results

    for name in ("seeds", "epochs"):
        if getattr(args, name) is not None:
            options.check_whole(getattr(args, name), 1, MOST, "compare", f"--{name}")
    parts = [part for part in args.only.split(",") if part]
    given = [f"--seeds {args.seeds}"] + [f"--only {args.only}"] * bool(parts)
    command = " ".join(["python -m dgm_lite compare", *given])
    todo = jobs.jobs(args.seeds, parts, args.epochs)
    rows = results.run(args.out, todo, command=command, epochs=args.epochs)
    print(results.printed(rows))
    print(f"wrote {args.out}: {len(rows)} rows")
