"""How the core is built, in figures: arguments, places, lines, and how many files a reader opens.

python -m benchmarks.structure [--fast]

--fast also runs the fast tests, and says how long they took. The table stands in docs/architecture.md, under Figures.
"""

import argparse
import ast
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "seqtutor_core"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Row(NamedTuple):
    """A line of the table."""

    figure: str
    value: str
    where: str


class Function(NamedTuple):
    """A function of the core."""

    place: str
    """File and dotted name."""
    public: bool
    arguments: int
    """Without self and cls."""
    lines: int


# ---------------------------------------------------------------- functions and files


def functions() -> Iterator[Function]:
    """Yield every function and method of the core; public ones have no underscore anywhere in their dotted name."""
    for path in sorted(CORE.rglob("*.py")):
        yield from _functions(ast.parse(path.read_text(encoding="utf-8")), path.relative_to(CORE).as_posix(), ())


def _functions(node: ast.AST, file: str, above: tuple[str, ...]) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from _functions(child, file, (*above, child.name))
        elif isinstance(child, FUNCTIONS):
            dotted = (*above, child.name)
            given = [*child.args.posonlyargs, *child.args.args, *child.args.kwonlyargs]
            arguments = sum(argument.arg not in ("self", "cls") for argument in given)
            public = not any(part.startswith("_") and part != "__init__" for part in dotted)
            lines = (child.end_lineno or child.lineno) - child.lineno + 1
            yield Function(f"{file}: {'.'.join(dotted)}", public, arguments, lines)


def sizes() -> list[Row]:
    """Return the largest number of arguments, and the longest function and file."""
    every = list(functions())
    widest = max((each for each in every if each.public), key=lambda each: each.arguments)
    longest = max(every, key=lambda each: each.lines)
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in CORE.rglob("*.py")}
    file = max(lengths, key=lambda path: lengths[path])
    return [
        Row("arguments of a public function, at most", str(widest.arguments), f"`{widest.place}`"),
        Row("lines of a function, at most", str(longest.lines), f"`{longest.place}`"),
        Row("lines of a file, at most", str(lengths[file]), f"`{file.relative_to(CORE).as_posix()}`"),
    ]


# ---------------------------------------------------------------- where R and J are computed


def nodes(*folders: Path) -> Iterator[tuple[str, ast.AST]]:
    """Yield every node of the folders' files, with its file."""
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                yield path.relative_to(ROOT).as_posix(), node


def is_weighted_sum(node: ast.AST) -> bool:
    """Whether it is R: terms @ weights, in whichever order, or sum(weight * value for ...)."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        return any(word in ast.unparse(node) for word in ("weights", "vector"))
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "sum" and isinstance(node.args[0], ast.GeneratorExp):
        each = node.args[0].elt
        return isinstance(each, ast.BinOp) and isinstance(each.op, ast.Mult) and "weight" in ast.unparse(each)
    return False


def is_objective(node: ast.AST) -> bool:
    """Whether it is J: reward / c - kl."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Sub):
        return False
    if not isinstance(node.left, ast.BinOp) or not isinstance(node.left.op, ast.Div):
        return False
    divisor = ast.unparse(node.left.right).rpartition(".")[2]
    return divisor in ("c", "kl_coefficient") and "kl" in ast.unparse(node.right)


def places() -> list[Row]:
    """Return in how many places of the core, the pages and the benchmarks R and J are computed."""
    every = list(nodes(CORE, ROOT / "pages", ROOT / "benchmarks"))
    rows = []
    for name, matches in (("R = terms @ weights", is_weighted_sum), ("J = R / c - KL", is_objective)):
        where = [place for place, node in every if matches(node)]
        rows.append(Row(f"places where {name} is computed", str(len(where)), ", ".join(f"`{w}`" for w in where)))
    return rows


# ---------------------------------------------------------------- what a reader opens, and a slider passes through

FIND: dict[str, dict[str, str]] = {  # what is looked for: the files to open, and what stands there
    "the Psi equation": {"learners/psi.py": "logsumexp"},
    "the repetition rule": {"domains/melody/theory.py": "def excessive"},
    "the default c": {"domains/registry.py": "kl_coefficient: float"},
    "a run's folder": {"runs/store.py": "config.json"},
    "where a preview is computed": {"preview.py": "def draw_preview", "smc.py": "def smc"},
    "how to add a domain": {"../docs/extending.md": "mini", "domains/mini/__init__.py": "class Mini"},
}
SLIDER: dict[str, str] = {  # the files between a slider and the reward of a living run, in the order of the value's way
    "../pages/ui/rows.py": "def slider_row",
    "../pages/ui/state.py": "def weights",
    "../pages/ui/changes.py": "def steer_weights",
    "config.py": "class Change",
    "runs/store.py": "def change",
    "runs/steering.py": "def append_change",
    "runs/jsonl.py": "def append_line",
    "runs/run_loop.py": "def controls",
    "tuning/loop.py": "tuner.apply",
    "tuning/tuner.py": "def apply",
}
CONVERSIONS = (  # of its value on that way
    "widget to float (`state.py`)",
    "float to a line of JSON (`jsonl.py`)",
    "line to a checked Change (`steering.py`)",
    "Change to an Objective (`tuner.py`)",
    "weights to a tensor where terms are one (`objective.py`)",
)


def reading() -> list[Row]:
    """Return how many files each thing takes to find; ValueError if one of them is not there any more."""
    for file, text in [*SLIDER.items(), *(each for files in FIND.values() for each in files.items())]:
        if text not in (CORE / file).read_text(encoding="utf-8"):
            raise ValueError(f"{file} does not say {text!r} any more; say in this file where it went")
    rows = [Row(f"files opened to find {what}", str(len(files)), _names(files)) for what, files in FIND.items()]
    return [
        *rows,
        Row("files between a slider and a living run's objective", str(len(SLIDER)), _names(SLIDER)),
        Row("conversions of its value", str(len(CONVERSIONS)), "; ".join(CONVERSIONS)),
    ]


def _names(files: dict[str, str]) -> str:
    return ", ".join(f"`{file.removeprefix('../')}`" for file in files)


def loop() -> Row:
    """Return the lines of the tuning loop."""
    lines = (CORE / "tuning" / "loop.py").read_text(encoding="utf-8").splitlines()
    return Row("lines of the tuning loop", str(len(lines)), "`tuning/loop.py`")


def fast_lane() -> Row:
    """Run the fast tests; return their seconds."""
    began = time.perf_counter()
    subprocess.run(["make", "test-fast"], cwd=ROOT, check=True, capture_output=True)
    return Row("seconds of the fast tests", f"{time.perf_counter() - began:.0f}", "`make test-fast`")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true", help="run the fast tests as well")
    rows = [*sizes(), *places(), loop(), *reading()]
    if parser.parse_args().fast:
        rows.append(fast_lane())
    print("| figure | value | where |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
