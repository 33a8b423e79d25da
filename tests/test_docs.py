"""What README and docs claim: links lead somewhere, the map names real files, quoted commands parse."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"python3? -m seqtutor_core\b([^`|>\n]*)")
BENCHMARK = re.compile(r"python3? -m (benchmarks\.\w+)")
MAP_HEADING = "## Map of the code"
FOLDER_MAP, FILE_MAP = "README.md", "docs/architecture.md"


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(document: Path) -> set[str]:
    """The anchors a reader's browser makes of the headings: lower case, no signs, dashes for spaces."""
    headings = re.findall(r"(?m)^#+ (.+)$", document.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_lead_somewhere(document: Path) -> None:
    for link in LINK.findall(document.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{name(document)} links to {link}, which does not exist"
        if anchor:
            assert anchor in anchors(target), f"{name(document)} links to {link}; no heading there has that name"


# ---------------------------------------------------------------- the map


def mapped(text: str) -> Iterator[str]:
    """Paths of an indented listing: two spaces a level, names, then at least two spaces and a remark."""
    folders: list[str] = []
    for line in text.splitlines():
        names, _, _ = line.strip().partition("  ")
        depth = (len(line) - len(line.lstrip())) // 2
        del folders[depth:]
        for entry in names.split():
            yield "/".join([*folders, entry.rstrip("/")])
        if names.endswith("/"):
            folders.append(names.rstrip("/"))


def map_in(document: str) -> set[str]:
    """Return the paths of a map: README's, of folders, to fit a screen; docs/architecture.md's, of files."""
    text = (ROOT / document).read_text(encoding="utf-8")
    assert MAP_HEADING in text
    return set(mapped(text.split(MAP_HEADING)[1].split("```")[1].partition("\n")[2]))


def test_a_map_is_read_by_its_indentation() -> None:
    listing = "a.py  first\nb/\n  c.py d.py  two\n  e/  sub\n    f.py\ng.md"
    assert list(mapped(listing)) == ["a.py", "b", "b/c.py", "b/d.py", "b/e", "b/e/f.py", "g.md"]


@pytest.mark.parametrize("document", [FOLDER_MAP, FILE_MAP])
def test_map_names_what_exists(document: str) -> None:
    missing = sorted(p for p in map_in(document) if not (ROOT / p).exists())
    assert not missing, f"the map of {document} names {missing}"


def test_map_leaves_no_part_out() -> None:
    """Every page, and every module or package at the top of the core."""
    parts = [*ROOT.glob("*.py"), *(ROOT / "pages").glob("*.py"), *(ROOT / "seqtutor_core").glob("*.py")]
    parts += [p.parent for p in (ROOT / "seqtutor_core").glob("*/__init__.py")]
    unnamed = {name(p) for p in parts if p.name != "__init__.py"} - map_in(FILE_MAP)
    assert not unnamed, f"the map of {FILE_MAP} lacks {sorted(unnamed)}"


def test_the_folder_map_leaves_no_package_out() -> None:
    packages = {name(p.parent) for p in (ROOT / "seqtutor_core").glob("*/__init__.py")}
    assert packages <= map_in(FOLDER_MAP), f"README's map lacks {sorted(packages - map_in(FOLDER_MAP))}"


# ---------------------------------------------------------------- the commands


def commands() -> list[tuple[str, str]]:
    return [
        (name(document), arguments.strip())
        for document in DOCUMENTS
        for arguments in COMMAND.findall(document.read_text(encoding="utf-8"))
        if arguments.strip()
    ]


@pytest.mark.parametrize(("document", "arguments"), commands())
def test_quoted_commands_parse(document: str, arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    from seqtutor_core.cli.main import build_parser

    try:
        build_parser().parse_args(shlex.split(arguments, comments=True))
    except SystemExit as stopped:
        assert stopped.code == 0, f"{document} quotes `{arguments}`: {capsys.readouterr().err}"


def test_quoted_make_targets_exist() -> None:
    rules = re.findall(r"(?m)^([a-z ]+):", (ROOT / "Makefile").read_text(encoding="utf-8"))
    targets = {target for rule in rules for target in rule.split()}
    for document in DOCUMENTS:
        quoted = set(re.findall(r"(?m)(?:`|^)make ([a-z]+)", document.read_text(encoding="utf-8")))
        assert quoted <= targets, f"{name(document)} quotes make targets that do not exist: {quoted - targets}"


def test_quoted_benchmarks_run_from_the_root() -> None:
    """By the module's name, so that they find the package; a path would not."""
    text = "".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)
    assert "python benchmarks/" not in text
    named = set(BENCHMARK.findall(text))
    assert named
    for module in named:
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module


# ---------------------------------------------------------------- as the app shows them


def test_a_link_from_one_shown_document_to_another_leads_to_its_section(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pages.ui import document

    (tmp_path / "a.md").write_text(
        "# First\n\nLead, [b](b.md).\n\n## One\n\nSee [two](b.md#two) and [code](../c.py).\n"
    )
    (tmp_path / "b.md").write_text("# Second part\n\nMore.\n\n## Two\n\nBack to [one](a.md#one).\n")
    monkeypatch.setattr(document, "DOCS", tmp_path)
    lead, rest = document.documents("a.md", "b.md")
    assert lead == "Lead, [b](#second-part)."
    assert document.SECTION.findall(rest) == ["One", "Second part", "Two"]
    assert "[two](#two) and `c.py`" in rest
    assert "[one](#one)" in rest


# ---------------------------------------------------------------- rewards and metrics


def reported() -> list[str]:
    """Every reward term and every metric of both domains, by name."""
    from seqtutor_core.domains.melody.metrics import MORE, TABLE_1
    from seqtutor_core.domains.molecule.metrics import METRICS
    from seqtutor_core.domains.registry import DOMAINS

    terms = [term.name for entry in DOMAINS.values() for term in entry.build({}).terms]
    return [*terms, *TABLE_1, *MORE, *METRICS]


def test_every_reward_and_metric_is_defined() -> None:
    """As the first cell of a row, in docs/rewards.md."""
    cells = re.findall(r"(?m)^\| (`.+?) \| ", (ROOT / "docs" / "rewards.md").read_text(encoding="utf-8"))
    defined = {each for cell in cells for each in re.findall(r"`(\w+)`", cell)}
    missing = set(reported()) - defined
    assert not missing, f"docs/rewards.md lacks {sorted(missing)}"


# ---------------------------------------------------------------- the API reference


@pytest.mark.slow
def test_the_reference_documents_each_public_name(tmp_path: Path) -> None:
    import pdoc

    import seqtutor_core
    from benchmarks.reference import write

    page = write(tmp_path, "seqtutor_core", "!seqtutor_core.").read_text(encoding="utf-8")
    members = pdoc.doc.Module(seqtutor_core).members
    for name in {*seqtutor_core.__all__} - {"errors"}:  # a module, which has a page of its own
        assert f'id="{name}"' in page, f"the reference lacks {name}"
        assert members[name].docstring, f"{name} has no docstring"


def test_tables_of_a_gpu_are_made_of_the_sections_that_were_measured() -> None:
    from benchmarks.gpu_tables import tables

    found = json.loads((ROOT / "benchmarks" / "results" / "gpu-nvidia-h200.json").read_text())
    row = "| melody, trajectory_balance, 1 x 128, cuda | 4,096 | yes | yes | 5,769,377 | 82.4 |"
    assert row in "\n".join(tables(found))
    without_cpu = tables({**found, "cpu": []})
    for name, section in found.items():
        assert set(tables({name: section})) <= {*tables(found), *without_cpu}
