"""What users write is shown as it is: no call that Streamlit reads as Markdown is given a raw text."""

import ast
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from pages.ui.text import literal
from tests.test_architecture import python_files

ROOT = Path(__file__).resolve().parents[1]

# Call -> which of its positional arguments are read as Markdown; of those by name LABELS are.
FIRST = """badge button caption checkbox chat_message color_picker date_input dialog download_button error expander
file_uploader form_submit_button header html info link_button markdown multiselect number_input popover radio
select_slider selectbox slider status subheader success table text_area text_input title toast toggle warning write"""
STREAMLITS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(FIRST.split(), (0,)),
    **dict.fromkeys(["pills", "segmented_control", "tabs"], (0, 1)),
    "metric": (0, 1, 2),
    "page_link": (),
    "progress": (1,),
}
OURS = {
    "widget": (2,),
    "slider_row": (1,),
    "reset_button": (1,),
    "others_button": (3, 4),
    "action_button": (0,),
    "open_page": (0, 1),
    "open_studio": (0,),
    "downloads": (1,),
    "follow": (3,),
}
LABELS = {"label", "help", "caption", "text", "title", "body", "delta"}

WORDS = {  # of ours: constants and the fields of objects that only our code makes
    "studio.one",
    "studio.many",
    "studio.invitation",
    "term.label",
    "term.help",
    "term.unit",
    "preset.help",
    "page.label",
    "figure.label",
    "figure.help",
    "contribution.label",
    "contribution.unit",
    "part.name",
    "subject.title",
    "subject.hint",
}
# Names in a function whose values are words of ours, or Markdown that its callers are held to; with the reason.
KNOWN = {
    "sliders.py:_presets": {"list(studio.reward_presets)", "note"},  # names of ours
    "sliders.py:panel": {"group", "presets"},  # of reward terms; names of ours and what each does
    "rows.py:show_value": {"escape(meaning)", "escape(text)"},  # HTML
    "rows.py:reset_button": {"label"},  # checked where it is called
    "rows.py:slider_row": {"label"},  # checked where it is called
    "melody/settings.py:_choices": {"label", "text"},  # of controls
    "rows.py:widget": {"label"},  # checked where it is called
    "learning.py:kl_slider": {"levels"},  # of a studio's kl_words
    "learning.py:learner_choice": {"title", "text"},  # of LEARNERS
    "document.py:_article": {  # docs/method.md and what follows it
        "text[before:piece.start()]",
        "text[before:]",
        "piece['title']",
        "piece['table']",
    },
    "sampling.py:others_button": {"label", "help"},  # checked where it is called
    "page.py:open_page": {"title", "lead"},  # checked where it is called
    "page.py:open_studio": {"title"},  # checked where it is called
    "page.py:_set_up": {"title", "help"},  # the same
    "home.py:studio": {"sentence"},  # of app.py
    "home.py:_this_machine": {"missing"},  # names of parts
    "home.py:_run": {"', '.join(figures)"},  # a state, and numbers
    "buttons.py:action_button": {"label"},  # checked where it is called
    "inspector.py:panel": {"list(tabs)"},  # titles of ours
    "transport.py:_buttons": {"label", "help"},  # of MIDDLE
    "transport.py:_follow": {
        "readout.html(studio, run)",
        "studio",
        "run",
    },  # HTML of ours, in which users' texts are escaped
    "melody/primer.py:panel": {"bars"},  # a number and a word
    "melody/score.py:_score": {"list(melodies)"},  # letters
    "melody/stage.py:_actions": {"one.letter"},  # of TITLES
    "melody/table.py:panel": {"rows"},  # names of figures, and numbers
    "melody/stage.py:_stage": {"missing"},  # how to get a synthesiser
    "melody/downloads.py:downloads": {"label"},  # of a table of ours
    "method.py:": {"lead"},  # docs/method.md
    "mini.py:_figures": {"label"},
    "mini.py:_words": {"title", "_rows(table, top_sequences(table, WORDS))"},  # words of the mini task's own letters
    "molecule/detail.py:_properties": {"rows"},  # names of properties, and numbers
    "molecule/detail.py:_nearest": {"corpus"},  # one of ours
    "molecule/typed.py:_place": {"empty"},  # checked where `follow` is called
    "molecule/cards.py:row": {"caption(one)"},  # numbers
    "molecule/cards.py:_look": {"name"},  # of a row
    "molecule/cards.py:star": {"what"},  # a row and a number, or "this molecule"
    "molecule/detail.py:_steps": {"label", "look.row", "slot"},  # of a table of ours; a row and a number
    "molecule/detail.py:_picture": {"label", "by"},  # of tables of ours
    "molecule/distributions.py:_panel": {"means(sets)"},  # names of properties, and numbers
    "molecule/export.py:take_away": {"list(sets)"},  # of SHOWN, CHOSEN, KEPT
    "molecule/stage.py:_head": {"letter", "name", "text"},  # of a source; words of ours and numbers
    "molecule/stage.py:_molecules": {"which", "order.colouring"},  # a number; of COLOURINGS
    "molecule/export.py:downloads": {"label"},  # of FORMATS
    "molecule/constraints.py:_substructures": {"label"},  # of a table of ours
    "molecule/constraints.py:_similarity": {"label"},  # the same
    "molecule/constraints.py:_weightless": {"label"},  # of a term
    "molecule/constraints.py:uses": {"label"},  # of a table of ours
    "runs/actions.py:panel": {"_line(chosen)"},  # names through literal
    "runs/actions.py:_delete_button": {"label", "text"},  # numbers and words
    "runs/actions.py:_stop_button": {"label", "text"},  # numbers and words
    "runs/recent.py:_entry": {"state_words(run)", "' · '.join(_figures(run))"},  # of ours; numbers
    "runs/samples.py:_column": {"name"},  # two numbers
    "interpolation.py:_figures": {"label", "text", "value"},  # a table of ours, and formatted numbers
    "molecule/filters.py:order_by": {"colouring"},  # of COLOURINGS
    "molecule/desirability.py:_fields": {"label"},
    "own.py:_test": {"[_row(studio, *pair) for pair in zip(texts, found, strict=True)]"},  # each cell through literal
    "frontier.py:_frontier": {"'\\n'.join(legend)"},  # numbers, and names through literal
    "gauge_panel.py:panel": {
        "bar(gauge)",
        "when",
        "why_no_gauge(run.config)",
        "later",
        "never",
    },  # numbers in our HTML; words of ours
}
NUMBER = re.compile(r"[^{}]*(\d|,|\.\d)?[dfgeFG%,]")  # a format that only numbers have


def words(expression: ast.expr, here: set[str], local: dict[str, list[ast.expr]]) -> bool:
    """Whether an expression is made of our own words, numbers and literal(...) alone."""

    def ours(one: ast.expr) -> bool:
        return words(one, here, local)

    source = ast.unparse(expression)
    if source in here or source in WORDS or re.fullmatch(r"([a-z_0-9]+\.)?[A-Z_0-9]+", source):
        return True
    match expression:
        case ast.Constant() | ast.Call(func=ast.Name(id="literal" | "len")):
            return True
        case ast.JoinedStr(values=parts):
            return all(map(ours, parts))
        case ast.FormattedValue(format_spec=ast.JoinedStr(values=[ast.Constant(value=str(spec))])):
            return bool(NUMBER.fullmatch(spec))
        case ast.FormattedValue(value=value) | ast.Subscript(value=value) | ast.Starred(value=value):
            return ours(value)
        case ast.IfExp(body=one, orelse=other) | ast.BinOp(left=one, op=ast.Add(), right=other):
            return ours(one) and ours(other)
        case ast.BoolOp(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
            return all(map(ours, parts))
        case ast.Dict(values=parts):
            return all(map(ours, parts))
        case ast.ListComp(elt=one) | ast.GeneratorExp(elt=one):
            return ours(one)
        case ast.Call(func=ast.Attribute(value=one, attr="lower" | "upper" | "capitalize")):
            return ours(one)
        case ast.Call(func=ast.Name(id="list"), args=[one]):
            return ours(one)
        case ast.BinOp(op=ast.FloorDiv() | ast.Div() | ast.Sub()):  # a number
            return True
        case ast.Call(func=ast.Attribute(value=ast.Constant(), attr="join"), args=[one]):
            return ours(one)
        case ast.Name(id=name):
            return name in local and all(words(one, here, {**local, name: []}) for one in local[name])
    return False


def assigned(function: ast.AST) -> dict[str, list[ast.expr]]:
    """What a function's names are set to; a name that is anything else besides is left out."""
    found: dict[str, list[ast.expr]] = {}
    other = {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, []).append(node.value)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            other.add(node.id) if node.id not in found else None
    return {name: values for name, values in found.items() if name not in other}


def shown(call: ast.Call) -> Iterator[ast.expr]:
    """The arguments of a call that are read as Markdown."""
    match call.func:
        case ast.Attribute(attr=name) if name in STREAMLITS:
            positions = STREAMLITS[name]
        case ast.Name(id=name) if name in OURS:
            positions = OURS[name]
        case _:
            return
    yield from (argument for i, argument in enumerate(call.args) if i in positions)
    yield from (keyword.value for keyword in call.keywords if keyword.arg in LABELS)


def raw(path: str, source: str) -> list[str]:
    """Where a file hands a text to Markdown that may not be ours."""
    found = []
    tree = ast.parse(source)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    outside = ast.Module([node for node in tree.body if node not in functions], [])
    for name, part in [("", outside), *((f.name, f) for f in functions)]:
        here, local = KNOWN.get(f"{path}:{name}", set()), assigned(part)
        for call in (node for node in ast.walk(part) if isinstance(node, ast.Call)):
            found += [
                f"{path}:{call.lineno} in {name or 'the module'}: {ast.unparse(argument)}"
                for argument in shown(call)
                if not words(argument, here, local)
            ]
    return found


def within_pages(path: Path) -> str:
    return path.relative_to(ROOT).as_posix().removeprefix("pages/").removeprefix("ui/")


@pytest.mark.parametrize("path", python_files("app.py", "pages"), ids=within_pages)
def test_only_words_of_ours_are_markdown(path: Path) -> None:
    found = raw(within_pages(path), path.read_text(encoding="utf-8"))
    assert not found, "wrap it in pages.ui.text.literal, or name it in KNOWN with a reason: " + "; ".join(found)


@pytest.mark.parametrize(
    "planted",
    [
        "st.error(str(error))",
        "st.error(problem, icon=':material/error:')",
        "st.caption(f'Begins with `{smiles}`')",
        "st.markdown('**' + name + '**')",
        "column.metric(name, '3')",
        "st.button('Look', help=f'{one.smiles}')",
        "widget(studio, st.toggle, name, 'key')",
        "text = run.id\n    st.info(text)",
        "for text in ('ours', name):\n        st.info(text)",
        "st.segmented_control('Prior', names)",
        "st.table([{'name': one.name}])",
        "st.warning('\\n'.join(f'- {p}' for p in problems))",
        "st.progress(0.5, message or 'none')",
        "st.page_link('app.py', label=run.id)",
    ],
)
def test_a_raw_text_is_found(planted: str) -> None:
    assert raw("somewhere.py", f"def f(name):\n    {planted}\n")
    assert not raw("somewhere.py", "def f(name):\n    n = 3\n    st.error(f'{literal(name)}: {n:.2f} of {n}')\n")


@pytest.mark.parametrize("text", ["plain words, 3.5 of them: (fine) - so", "C1CC1O", "snake_case", "0.1 % of it"])
def test_what_is_no_markup_stays(text: str) -> None:
    assert literal(text) == text


@pytest.mark.parametrize("text", ["C[N+](C)(C)CCO", "$x$", ":red[a]", "a\n# b", "    code", "1. one", "`a`", "&amp;"])
def test_nothing_is_lost(text: str) -> None:
    assert unescape(literal(text)) == text != literal(text)


def test_what_streamlit_replaces_later_is_parted() -> None:
    for text in ("http://a.b", "www.a.b", "a@b.c", ":material_x:", "a -> b", "->"):
        assert unescape(literal(text)).replace("\u200b", "") == text
        assert "\u200b" in literal(text)
    assert "\u200b" not in literal("N->[Cl]") + literal("C[C@H](N)O")
