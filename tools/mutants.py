"""Mutation testing: errors planted at random by cosmic-ray, and which of them no test notices.

    python -m venv .mutants && .mutants/bin/pip install cosmic-ray      # an environment of its own
    .venv/bin/pip install coverage
    .mutants/bin/python tools/mutants.py --n 300 --out mutants.json

First all tests run once, to know that they pass, how long each takes and which lines it goes through. Then
each mutant is tried in a copy of the tree, by the quickest tests that go through its line, and if they notice
nothing by all tests of its file and of those that import it, and the laws. Survivors are printed as diffs:
each is a hole in the tests, or a change that nobody can see, and tests/README.md says which. It takes an hour
on two quiet cores, so it is no part of `make test`; on a busy machine tests run into their time limits.
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
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.quick import ELSEWHERE, tests_of  # noqa: E402

ROOMS = ("training", "evaluate", "comparison", "datasets", "latent", "flows", "codecs")
# These make programs that cannot run, or change annotations; ExceptionReplacer and Variable need settings.
SKIPPED = ("RemoveDecorator", "BitOr", "Is_", "IsNot_", "Variable", "ExceptionReplacer")
MOST = 150  # quick tests of a mutant before all others
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


@dataclass(frozen=True)
class Mutant:
    """A file with one error: the n-th place at which an operator can change it, and its lines."""

    file: str
    operator: str
    occurrence: int
    lines: tuple[int, ...]

    def source(self) -> str:
        """The file with the error."""
        honest = (ROOT / self.file).read_text(encoding="utf-8")
        return mutate_code(honest, get_operator(self.operator)(), self.occurrence)

    def diff(self) -> str:
        """What it changes, as a diff without its head."""
        honest = (ROOT / self.file).read_text(encoding="utf-8").splitlines()
        lines = difflib.unified_diff(honest, self.source().splitlines(), n=0, lineterm="")
        return "\n".join(list(lines)[2:])


def mutants_of(path: Path) -> list[Mutant]:
    """One mutant for each place and kind of operator.

    An operator has many replacements: where a product becomes a sum, it need not become a shift as well.
    """
    source, found = path.read_text(encoding="utf-8"), {}
    wanted, nodes = lines_that_compute(source), list(ast_nodes(get_ast(source)))
    for name in operator_names():
        if any(part in name for part in SKIPPED):
            continue
        kind, operator = tuple(name.split("_")[:2]), get_operator(name)()
        places = [place for node in nodes for place in operator.mutation_positions(node)]
        for occurrence, (start, end) in enumerate(places):
            lines = tuple(range(start[0], end[0] + 1))
            if start[0] in wanted:
                mutant = Mutant(path.relative_to(ROOT).as_posix(), name, occurrence, lines)
                found.setdefault((kind, start), []).append(mutant)
    pick = random.Random(path.name)
    return [pick.choice(alike) for alike in found.values()]


def all_tests(file: str) -> list[str]:
    """The test files of a file and of those that import it, and the laws."""
    every = {test for test in tests_of(file) if not test.startswith(ELSEWHERE)} | {"tests/test_laws.py"}
    return sorted(every, key=lambda t: ("planted" not in t, "laws" not in t, t))


class Tree:
    """A copy of the project and the process that runs tests in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(shutil.copytree(ROOT, folder, ignore=LEFT_OUT))
        (folder / ".venv").symlink_to((ROOT / ".venv").resolve())
        environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
        command = [str(ROOT / ".venv/bin/python"), str(ROOT / "tools/trials.py"), str(folder)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True)

    def code(self, tests: list[str], **options) -> int:
        """Pytest's exit code for these tests."""
        print(json.dumps({"tests": tests, **options}), file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())

    def watched(self, tests: list[str]) -> dict:
        """What each test takes and which lines it goes through, if all pass."""
        file = self.folder / "watched.json"
        if self.code(tests, watched=str(file)):
            log = Path(f"{file}.log").read_text()[-3000:]
            raise SystemExit(f"mutants: expected all tests to pass before an error is planted.\n{log}")
        return json.loads(file.read_text())

    def fate(self, mutant: Mutant, quick: list[str]) -> str:
        """Whether it survives all tests, or what became of it."""
        file = self.folder / mutant.file
        honest = file.read_text(encoding="utf-8")
        file.write_text(mutant.source(), encoding="utf-8")
        try:
            for tests in filter(None, (quick, all_tests(mutant.file))):
                code = self.code(tests)
                if code not in (0, 4):  # 4: no such test, as in a file that cannot be imported
                    break
        finally:
            file.write_text(honest, encoding="utf-8")
        # Pytest's 1: a test failed; 2: a file of tests could not be imported; 4: nor could conftest.py.
        # Others would be no catch.
        names = {0: "SURVIVED", 1: "caught", 2: "caught", 4: "caught", 124: "hangs"}
        return names.get(code, f"no answer ({code})")


def quickest(mutant: Mutant, watched: list[dict]) -> list[str]:
    """The tests that go through a mutant's lines, the quickest first."""
    seconds = {test: s for part in watched for test, s in part["seconds"].items()}
    lines = [part["lines"].get(mutant.file, {}) for part in watched]
    tests = {t for part in lines for number in mutant.lines for t in part.get(str(number), ())}
    return sorted(tests, key=seconds.get)[:MOST]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=300, help="mutants to try (default 300)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--only", default=",".join(ROOMS), help="folders of dgm_lite, by comma")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("mutants.json"))
    args = parser.parse_args()
    files = [p for room in args.only.split(",") for p in sorted((ROOT / "dgm_lite" / room).glob("*.py"))]
    every = [mutant for path in files for mutant in mutants_of(path)]
    chosen = random.Random(args.seed).sample(every, min(args.n, len(every)))
    print(f"{len(chosen)} of {len(every)} mutants of {len(files)} files", flush=True)
    results, free = [], SimpleQueue()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(args.jobs) as pool:
        trees = [Tree(Path(folder) / str(i)) for i in range(args.jobs)]
        tests = sorted({test for mutant in chosen for test in all_tests(mutant.file)})
        watched = list(pool.map(Tree.watched, trees, [tests[i :: args.jobs] for i in range(args.jobs)]))
        print(f"{sum(len(part['seconds']) for part in watched)} tests pass", flush=True)
        for tree in trees:
            free.put(tree)

        def tried(mutant: Mutant) -> None:
            tree = free.get()
            try:
                fate = tree.fate(mutant, quickest(mutant, watched))
            finally:
                free.put(tree)
            diff = mutant.diff()
            results.append({"file": mutant.file, "operator": mutant.operator, "fate": fate, "diff": diff})
            args.out.write_text(json.dumps(results, indent=1), encoding="utf-8")
            print(f"{len(results):4} {fate} {mutant.file} {mutant.operator}", flush=True)
            print("" if fate == "caught" else f"{diff}\n", end="", flush=True)

        list(pool.map(tried, chosen))
    for fate, n in Counter(result["fate"] for result in results).most_common():
        print(f"{n} of {len(results)} {fate}: {n / max(1, len(results)):.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
