"""The rules of docs/architecture.md, held by reading the source: who may import whom, sizes, docstrings."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = ["app.py", "pages", "seqtutor_core"]
CHECKS = ["tests", "benchmarks"]

# A module of the core imports from its own level or from a lower one. A name that stands nowhere here counts as
# highest: a new module that others build on has to be given its place.
LEVELS = [
    {
        *("errors", "rules", "files", "text", "cpu_count", "busy_core", "environment", "memory_pressure", "parallel"),
        *("fused", "recorded"),
        *("admitted", "cluster"),
    },
    {"vocabulary", "features", "network", "stepper", "older", "exact", "confidence", "own_rewards"},
    {"training", "chemistry"},
    {
        "learners",
        "objective",
        "policy",
        "rollout",
        "replay",
        "evaluated",
        "stages",
        "smc",
        "preview",
        "gauge",
        "frontier",
        "domains",
        "priors",
    },
    {"config", "batch_size", "tuning", "evaluation"},
    {"runs"},
]
APART = ["learners", "domains"]
LIBRARIES = {  # the only package that imports them, and the domain that builds on it
    "seqtutor_core.domains.melody": ("melody", {"pretty_midi", "midi2audio", "mido", "music21"}),
    "seqtutor_core.chemistry": ("molecule", {"rdkit", "py3Dmol"}),
}
FREE_TO_LOOK = {"seqtutor_core.doctor"}  # says what is installed
ELSEWHERE = [ROOT / "benchmarks" / f"public_{what}_steps.py" for what in ("melody", "molecule")]  # not by our Python
NO_PROCESS_NO_PAGES = {"subprocess", "multiprocessing", "concurrent", "streamlit"}

LONGEST_PAGE = 120
MOST_ARGUMENTS = 6
LONGEST_FILE = 399


def python_files(*places: str) -> list[Path]:
    found = (p for place in places for p in ([ROOT / place] if place.endswith(".py") else (ROOT / place).rglob("*.py")))
    return sorted(p for p in found if p.is_file())


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, module: str) -> Iterator[str]:
    """Dotted names a file imports, anywhere in it; `from a import b` gives a and a.b."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def core_part(module: str) -> str | None:
    """The part of the core a module belongs to: "learners" for seqtutor_core.learners.psi."""
    parts = module.split(".")
    return parts[1] if parts[0] == "seqtutor_core" and len(parts) > 1 else None


def level(part: str) -> int:
    return next((i for i, names in enumerate(LEVELS) if part in names), len(LEVELS))


MODULES = {module_of(p): p for p in python_files(*PROGRAM)}
IMPORTS = {module: sorted(set(imports(path, module))) for module, path in MODULES.items()}
CORE = [m for m in MODULES if within(m, "seqtutor_core")]
SHARED = {"base", "registry", "own"}  # by all domains
DOMAINS = sorted({m.split(".")[2] for m in CORE if m.startswith("seqtutor_core.domains.")} - SHARED)
PAGES = [p for p in python_files("app.py", "pages") if (ROOT / "pages" / "ui") not in p.parents]


def known(module: str, name: str) -> bool:
    """Whether a name that a module imports is a module of ours, not a function in one."""
    return name in MODULES and name != module


# ---------------------------------------------------------------- the reader itself


def test_imports_are_read_in_all_their_forms(tmp_path: Path) -> None:
    source = tmp_path / "b.py"
    source.write_text("import x.y as z\nfrom .c import d\nfrom .. import e\ndef f():\n    from g import h\n")
    assert set(imports(source, "p.a.b")) == {"x.y", "p.a.c", "p.a.c.d", "p", "p.e", "g", "g.h"}
    package = tmp_path / "__init__.py"
    package.write_text("from . import c\n")
    assert set(imports(package, "p.a")) == {"p.a", "p.a.c"}


def test_there_is_something_to_read() -> None:
    assert {"app", "seqtutor_core.errors", "seqtutor_core.domains.melody"} <= set(MODULES)


# ---------------------------------------------------------------- import directions


@pytest.mark.parametrize("module", CORE)
def test_core_knows_no_pages(module: str) -> None:
    above = [n for n in IMPORTS[module] if any(within(n, p) for p in ("streamlit", "pages", "app", "tests"))]
    assert not above, f"{module} belongs to the core and imports {above}"


@pytest.mark.parametrize("module", CORE)
def test_core_imports_downwards(module: str) -> None:
    part = core_part(module)
    if part is None:
        return  # the package itself imports its names when they are used: tests/test_library.py
    for name in (n for n in IMPORTS[module] if known(module, n)):
        other = core_part(name)
        assert other is None or level(other) <= level(part), (
            f"{module} (level {level(part)}) imports {name} (level {level(other)}); "
            "LEVELS in this test and docs/architecture.md say what lies below what"
        )


@pytest.mark.parametrize("module", CORE)
def test_learners_and_domains_are_strangers(module: str) -> None:
    part = core_part(module)
    for other in APART:
        if part in APART and part != other:
            strays = [n for n in IMPORTS[module] if within(n, f"seqtutor_core.{other}")]
            assert not strays, f"{module} imports {strays}"


@pytest.mark.parametrize("module", [m for m in CORE if level(core_part(m) or "") in (3, 4)])
def test_learning_starts_no_process(module: str) -> None:
    """Domains and chemistry may: molecules are measured by workers, a corpus is parsed by a pool, fluidsynth runs."""
    if core_part(module) != "domains":
        strays = [n for n in IMPORTS[module] if n.partition(".")[0] in NO_PROCESS_NO_PAGES]
        assert not strays, f"{module} imports {strays}"


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_stands_alone(domain: str) -> None:
    own = f"seqtutor_core.domains.{domain}"
    theirs = [f"seqtutor_core.domains.{d}" for d in DOMAINS if d != domain]
    theirs += [package for package, (owner, _) in LIBRARIES.items() if owner != domain]
    for module in (m for m in CORE if within(m, own)):
        strays = [n for n in IMPORTS[module] if any(within(n, t) for t in theirs)]
        assert not strays, f"{module} imports {strays}"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_libraries_stay_in_their_package(module: str) -> None:
    for package, (_, libraries) in LIBRARIES.items():
        if not within(module, package) and module not in FREE_TO_LOOK:
            strays = [n for n in IMPORTS[module] if n.partition(".")[0] in libraries]
            assert not strays, f"{module} imports {strays}; that belongs into {package}"


def test_pages_build_on_shared_and_not_on_each_other() -> None:
    pages = {module_of(p) for p in PAGES}
    for module in (m for m in MODULES if m not in CORE):
        strays = [n for n in IMPORTS[module] if n in pages]
        assert not strays, f"{module} imports the page {strays}"


def test_parts_that_draw_themselves_anew_have_a_place_of_their_own() -> None:
    """A bare fragment may empty the page; page.apart says why, test_slow_line.py shows it."""
    users = [path.name for path in python_files("app.py", "pages") if "st.fragment" in path.read_text("utf-8")]
    assert users == ["page.py"]


BLOCKED_IMPORT = """
import importlib, importlib.abc, sys
blocked = set(sys.argv[1].split(","))
class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"{name} is blocked by this test")
sys.meta_path.insert(0, Blocked())
for module in sys.argv[2:]:
    importlib.import_module(module)
"""


@pytest.mark.slow
@pytest.mark.parametrize("domain", DOMAINS)
def test_core_imports_without_streamlit_and_other_domains_libraries(domain: str) -> None:
    """For real, in a process of its own: the core and one domain with its own libraries; mini has none."""
    foreign = {package: libraries for package, (owner, libraries) in LIBRARIES.items() if owner != domain}
    blocked = {"streamlit", "pages", "app"}.union(*foreign.values())
    others = [*(f"seqtutor_core.domains.{d}" for d in DOMAINS if d != domain), *foreign]
    modules = [m for m in CORE if not any(within(m, other) for other in others)]
    command = [sys.executable, "-c", BLOCKED_IMPORT, ",".join(sorted(blocked)), *modules]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_first_page_of_a_new_server_waits_for_no_chemistry_and_no_tables() -> None:
    """Home shows what was made before; RDKit and pandas would take half a second more."""
    modules = ["pages.ui.home", "pages.ui.melody.example", "pages.ui.molecule.example"]
    command = [sys.executable, "-c", BLOCKED_IMPORT, "rdkit,pandas,pyarrow", *modules]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


OPENED = """
import sys
from tests.paging import opened
assert not opened(sys.argv[1]).run().exception
assert "pandas" not in sys.modules, "pandas was imported"
"""


@pytest.mark.slow
@pytest.mark.parametrize("studio", ["melody", "molecule"])
def test_a_studio_is_opened_without_tables(studio: str, tmp_path: Path) -> None:
    """Drawn for real: what Streamlit is given must not make it ask pandas."""
    home = {**os.environ, "SEQTUTOR_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", OPENED, studio], cwd=ROOT, env=home, check=True)


# ---------------------------------------------------------------- the look of a file


@pytest.mark.parametrize("path", PAGES, ids=str)
def test_a_page_is_a_table_of_contents(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_PAGE, f"{path.name} has {lines} lines; move widgets to pages/ui, logic to the core"


def test_files_are_short() -> None:
    lengths = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in python_files(*PROGRAM, *CHECKS)}
    long = {str(p.relative_to(ROOT)): n for p, n in lengths.items() if n > LONGEST_FILE}
    assert not long, f"split these: {long}"


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    yield from (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if type(node) is ast.FunctionDef)


def arguments(function: ast.FunctionDef) -> list[str]:
    """Without self and cls."""
    of = function.args
    return [a.arg for a in (*of.posonlyargs, *of.args, *of.kwonlyargs) if a.arg not in ("self", "cls")]


def test_what_travels_together_is_an_object() -> None:
    """No function is given more than six things."""
    many = {
        f"{path.relative_to(ROOT)}: {function.name}": len(names)
        for path in python_files(*PROGRAM)
        for function in functions(path)
        if len(names := arguments(function)) > MOST_ARGUMENTS
    }
    assert not many, f"group what travels together: {many}"


def test_modules_say_what_they_are_for() -> None:
    silent = [
        module
        for module, path in MODULES.items()
        if not path.stem.startswith("_") or path.name == "__main__.py"
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not silent, f"without a docstring: {silent}"


def texts() -> list[Path]:
    """Everything a person wrote here."""
    top = [p for p in ROOT.iterdir() if p.suffix in {".md", ".toml", ".txt"} or p.name == "Makefile"]
    below = [*(ROOT / "docs").rglob("*.md"), ROOT / ".ci" / "run", ROOT / ".streamlit" / "config.toml"]
    return [*python_files(*PROGRAM, *CHECKS), *top, *below]


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"\b(TO" + r"DO|FIX" + r"ME)\b", "work left undone"),
        (r"(?<![\w.:/~-])/(home|root|work|mnt|Users)/" + r"\w", "a path of one machine"),
    ],
)
def test_nothing_unfinished_and_nobodys_machine(pattern: str, why: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(pattern, line)
    ]
    assert not found, f"{why}: {found}"


# ---------------------------------------------------------------- what is installed


def pins(name: str) -> dict[str, str]:
    """Package -> version of a requirements file; every line is an exact pin with a reason behind it."""
    found = {}
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", "-r ")):
            match = re.fullmatch(r"([\w.-]+)==(\S+) +# \w.*\(.+\)", line)
            assert match, f"{name}: {line!r} is not 'package==version  # why (licence)'"
            found[match[1].lower()] = match[2]
    return found


def third_party(modules: list[Path]) -> set[str]:
    names = {n.partition(".")[0] for p in modules for n in imports(p, module_of(p))}
    return {n for n in names if n not in sys.stdlib_module_names and not (ROOT / n).exists() and n != "app"}


def test_imported_packages_are_pinned() -> None:
    distributions = metadata.packages_distributions()
    app, cluster, dev = (pins(f"requirements{part}.txt") for part in ("", "-cluster", "-dev"))
    for name in third_party(python_files(*PROGRAM)):
        owners = {d.lower() for d in distributions.get(name, [name])}
        assert owners & {*app, *cluster}, f"the program imports {name}: pin it in requirements.txt"
    for name in third_party([p for p in python_files(*CHECKS) if p not in ELSEWHERE]):
        owners = {d.lower() for d in distributions.get(name, [name])}
        assert owners & {*app, *cluster, *dev}, f"tests or benchmarks import {name}: pin it in requirements-dev.txt"


def test_pins_are_what_runs_here() -> None:
    files = (f"requirements{part}.txt" for part in ("", "-cluster", "-dev"))
    for package, version in (pin for file in files for pin in pins(file).items()):
        installed = metadata.version(package)
        assert installed.partition("+")[0] == version, f"{package} {installed} is installed, {version} is pinned"
