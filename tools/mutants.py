"""Mutation testing: errors planted at random by cosmic-ray, and which of them no test notices.

    python -m venv .mutants && .mutants/bin/pip install cosmic-ray      # an environment of its own
    .mutants/bin/python tools/mutants.py --n 300 --out mutants.json

Each mutant is tried in a copy of the tree, first by the tests of its own file, then by those that import it
and the laws; the first failure ends the trial. Survivors are printed as diffs: each is a hole in the tests,
or a change that nobody can see, and tests/README.md says which. Slow, so it is no part of `make test`.
"""

import argparse
import ast
import difflib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.quick import ELSEWHERE, tests_of  # noqa: E402

ROOMS = ("training", "evaluate", "comparison", "datasets", "latent", "flows", "codecs")
# These make programs that cannot run, or change annotations; ExceptionReplacer and Variable need settings.
SKIPPED = ("RemoveDecorator", "BitOr", "Is_", "IsNot_", "Variable", "ExceptionReplacer")
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".mutants", ".oldest", "_build", "__pycache__")


def lines_that_compute(source: str) -> set[int]:
    """Lines inside functions, without docstrings and without the words of refusals."""
    found: set[int] = set()
    refusals: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            for statement in node.body[1:] if ast.get_docstring(node) else node.body:
                found |= set(range(statement.lineno, statement.end_lineno + 1))
        if isinstance(node, ast.Raise):
            refusals |= set(range(node.lineno, node.end_lineno + 1))
    return found - refusals


def mutants_of(file: Path) -> list[tuple[str, str]]:
    """(operator, mutated source), one mutant for each place and kind of operator.

    An operator has many replacements: where a product becomes a sum, it need not become a shift as well.
    """
    source, found = file.read_text(encoding="utf-8"), {}
    wanted, lines = lines_that_compute(source), source.splitlines()
    for name in operator_names():
        if any(part in name for part in SKIPPED):
            continue
        kind = tuple(name.split("_")[:2])
        for occurrence in range(1000):
            mutated = mutate_code(source, get_operator(name)(), occurrence)
            if mutated is None:
                break
            pairs = enumerate(zip(lines, mutated.splitlines(), strict=False), 1)
            if {number for number, (old, new) in pairs if old != new} & wanted:
                found.setdefault((kind, occurrence), []).append((name, mutated))
    pick = random.Random(file.name)
    return [pick.choice(alike) for alike in found.values()]


def in_order(file: str) -> list[list[str]]:
    """The tests to try, the most telling first: those of the file, then all others at once."""
    every = {test for test in tests_of(file) if not test.startswith(ELSEWHERE)} | {"tests/test_laws.py"}
    own = [test for test in every if Path(test).name == f"test_{Path(file).name}"]
    others = sorted(every - set(own), key=lambda t: ("planted" not in t, "laws" not in t, t))
    return [tests for tests in (own, others) if tests]


class Tree:
    """A copy of the project and the process that runs tests in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(shutil.copytree(ROOT, folder, ignore=LEFT_OUT))
        (folder / ".venv").symlink_to((ROOT / ".venv").resolve())
        environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
        command = [str(ROOT / ".venv/bin/python"), str(ROOT / "tools/trials.py"), str(folder)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True)

    def passes(self, tests: list[str]) -> bool:
        print(*tests, file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline()) == 0

    def survives(self, file: str, mutated: str) -> bool:
        """Whether all tests pass with the mutated file."""
        honest = (self.folder / file).read_text(encoding="utf-8")
        (self.folder / file).write_text(mutated, encoding="utf-8")
        try:
            return all(self.passes(tests) for tests in in_order(file))
        finally:
            (self.folder / file).write_text(honest, encoding="utf-8")


def difference(file: str, mutated: str) -> str:
    """What the mutant changes, as a diff without its head."""
    honest = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return "\n".join(list(difflib.unified_diff(honest, mutated.splitlines(), n=0, lineterm=""))[2:])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=300, help="mutants to try (default 300)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--only", default=",".join(ROOMS), help="folders of dgm_lite, by comma")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("mutants.json"))
    args = parser.parse_args()
    files = [p for room in args.only.split(",") for p in sorted((ROOT / "dgm_lite" / room).glob("*.py"))]
    every = [(p.relative_to(ROOT).as_posix(), *mutant) for p in files for mutant in mutants_of(p)]
    chosen = random.Random(args.seed).sample(every, min(args.n, len(every)))
    print(f"{len(chosen)} of {len(every)} mutants of {len(files)} files", flush=True)
    results, free = [], SimpleQueue()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(args.jobs) as pool:
        for i in range(args.jobs):
            free.put(Tree(Path(folder) / str(i)))

        def tried(mutant: tuple[str, str, str]) -> None:
            file, operator, mutated = mutant
            tree = free.get()
            try:
                alive = tree.survives(file, mutated)
            finally:
                free.put(tree)
            diff = difference(file, mutated)
            results.append({"file": file, "operator": operator, "survived": alive, "diff": diff})
            args.out.write_text(json.dumps(results, indent=1), encoding="utf-8")
            print(f"{len(results):4} {'SURVIVED' if alive else 'caught'} {file} {operator}", flush=True)
            print(diff if alive else "", end="\n" if alive else "", flush=True)

        list(pool.map(tried, chosen))
    alive = sum(result["survived"] for result in results)
    print(f"{alive} of {len(results)} survived: {alive / max(1, len(results)):.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
