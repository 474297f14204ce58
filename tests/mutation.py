"""The mutation score: small faults are put into the rules of money, one at a time; the pure tests have to notice each.

Everything happens in a copy; nothing is started, and the sources stay as they are.
"""

import ast
import collections
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
MUTMUT = Path(sys.executable).parent / "mutmut"
LEAST = 85
"""Percent of the mutants of each file that have to be noticed."""
NOTICED = ("killed", "timeout")


def main() -> None:
    """Mutate, test, tell. Fails when a file is below ``LEAST`` or a survivor is not explained."""
    with tempfile.TemporaryDirectory(prefix="venmo-mutation-") as name:
        folder = Path(name)
        files = copy(folder)
        print(f"Mutating {len(files)} files; this takes some minutes ...", flush=True)
        mutmut(folder, "run", "--max-children", "2")
        statuses = told(mutmut(folder, "results", "--all", "true"))
        survivors = [mutant for mutant, status in statuses.items() if status not in NOTICED]
        changes = {mutant: changed(mutmut(folder, "show", mutant)) for mutant in survivors}
    enough = print_scores(files, statuses)
    explained = print_survivors(changes)
    sys.exit(not (enough and explained))


def copy(folder: Path) -> list[str]:
    """The project as mutmut needs it; the files it will mutate."""
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    files: list[str] = tomllib.loads((folder / "pyproject.toml").read_text())["tool"]["mutmut"]["only_mutate"]
    for file in files:
        path = folder / file
        path.write_text(with_open_properties(path.read_text()))
    return files


def with_open_properties(source: str) -> str:
    """``name = property(name)`` for ``@property``: the same, but mutmut leaves what is decorated alone."""
    lines = source.splitlines()
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    for function in sorted(functions, key=lambda one: one.lineno, reverse=True):
        if [ast.unparse(decorator) for decorator in function.decorator_list] == ["property"]:
            assignment = f"{function.name} = property({function.name})"
            lines.insert(function.end_lineno or 0, " " * function.col_offset + assignment)
            del lines[function.decorator_list[0].lineno - 1]
    return "\n".join(lines) + "\n"


def mutmut(folder: Path, *arguments: str) -> str:
    done = subprocess.run([MUTMUT, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"mutmut {arguments[0]} failed:\n{done.stdout[-10_000:]}{done.stderr[-10_000:]}")
    return done.stdout


def told(results: str) -> dict[str, str]:
    """The status of each mutant."""
    return dict(line.strip().rsplit(": ", 1) for line in results.splitlines() if "__mutmut_" in line)


def changed(shown: str) -> tuple[str, str]:
    """What a mutant did: the lines that went, and the lines that came."""
    lines = [line for line in shown.splitlines() if not line.startswith(("---", "+++", "#"))]
    went, came = (" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    return went, came


def file_of(mutant: str) -> str:
    return "src/" + mutant.rpartition(".")[0].replace(".", "/") + ".py"


def print_scores(files: list[str], statuses: dict[str, str]) -> bool:
    """A line a file. Whether each is good enough."""
    counted = {file: collections.Counter[str]() for file in files}
    for mutant, status in statuses.items():
        counted[file_of(mutant)][status] += 1
    enough = True
    for file, found in [*counted.items(), ("all", sum(counted.values(), collections.Counter()))]:
        noticed, total = sum(found[status] for status in NOTICED), found.total()
        score = 100 * noticed / total if total else 0
        enough = enough and score >= LEAST
        print(f"{file:<40} {noticed:>4} of {total:>4} noticed  {score:5.1f} %{'' if score >= LEAST else '  TOO FEW'}")
    return enough


def print_survivors(changes: dict[str, tuple[str, str]]) -> bool:
    """Each with what it did. Whether docs/mutation.md says why of all of them."""
    document = " ".join((ROOT / "docs/mutation.md").read_text().split())
    unexplained = 0
    for mutant, (went, came) in changes.items():
        known = f"`{came}`" in document
        unexplained += not known
        print(f"\n{mutant}{'' if known else '  NOT EXPLAINED in docs/mutation.md'}\n  - {went}\n  + {came}")
    return not unexplained


if __name__ == "__main__":
    main()
