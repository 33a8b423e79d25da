"""What every page shares: its set-up, the one list of pages, and the way errors are shown."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from pages.ui import state
from pages.ui.text import literal
from pages.ui.visitor import logout_button, require_login
from seqtutor_core.errors import RunError, SeqTutorError
from seqtutor_core.runs.store import Run


class Page(NamedTuple):
    """A page of the app."""

    path: str
    label: str
    icon: str
    domain: str = ""
    """Whose runs it shows."""


PAGES = (
    Page("app.py", "Home", ":material/home:"),
    Page("pages/melody.py", "Melody", ":material/music_note:", "melody"),
    Page("pages/molecule.py", "Molecule", ":material/science:", "molecule"),
    Page("pages/runs.py", "Runs", ":material/history:"),
    Page("pages/method.py", "Method", ":material/menu_book:"),
)
STUDIOS = tuple(page for page in PAGES if page.domain)

_PAGE, _VISIT = "_page", "_visit"  # keys of the page drawn last, and of the number of its visit

ICON = Path(__file__).resolve().parents[2] / "assets" / "icons" / "studio.png"  # a Material icon would be fetched


def open_page(title: str, lead: str) -> None:
    """Set a page up: browser title, navigation, heading and one sentence on what it is for."""
    _set_up(title)
    st.title(title, anchor=False)
    st.markdown(lead)


def open_studio(title: str, help: str) -> None:
    """Set a studio up: it fills the screen, so its heading is for those who listen, and its help is a click away."""
    _set_up(title, help)
    state.note_link()
    with st.container(key="title"):
        st.html(f'<h1 class="unseen">{title} studio</h1>')


def visit() -> int:
    """Return the number of the visit to a page: another one whenever another page is opened."""
    number: int = st.session_state.get(_VISIT, 0)
    return number


@cache
def _spare_modules(title: str) -> None:
    """Let the garbage collector pass over all that this page has imported by now, once a page.

    Streamlit (1.67) collects after each run of a script or a fragment, and the modules, which stay anyway, are nearly
    all that it would look at.
    """
    gc.freeze()


def _set_up(title: str, help: str = "") -> None:
    _spare_modules(title)
    if st.session_state.get(_PAGE) != title:
        st.session_state.update({_PAGE: title, _VISIT: visit() + 1})
    st.set_page_config(f"{title} · Sequence Tutor Studio", str(ICON), layout="wide", initial_sidebar_state="collapsed")
    require_login()
    with st.container(horizontal=True, key="nav"):
        for page in PAGES:
            st.page_link(page.path, label=page.label, icon=page.icon, query_params=_run_in_view(page))
        logout_button()
        if help:
            with st.popover("Help", icon=":material/help:", type="tertiary", key="help"):
                st.markdown(help)


def _run_in_view(page: Page) -> dict[str, str]:
    """Return the parameter of a link to a page that shows a run; added there, it would be one more entry to go back."""
    run_id = state.views().get(page.domain)
    return {"run": run_id} if run_id else {}


def page_of(run: Run) -> str:
    """Return the page that shows a run. Any of them can say that a run is damaged."""
    try:
        domain = run.config.domain
    except RunError:
        domain = ""
    return next((page.path for page in STUDIOS if page.domain == domain), STUDIOS[0].path)


def fragment(draw: Callable[..., None], *arguments: object, every: float | None = None, steady: bool = False) -> None:
    """Draw a part of a page that can be drawn anew by itself, every so many seconds if wished; steady: without fading
    while it waits for its turn, which a part that follows a run would do every few seconds.

    It gets a place of its own. When a fragment begins again before its last drawing has left the server, Streamlit
    (1.67) takes that drawing back together with its place: what stands behind it in the same container would move up,
    and be overwritten.
    """
    with st.container(key=f"steady-{draw.__module__}-{draw.__name__}" if steady else None):
        st.fragment(draw, run_every=every)(*arguments)


@contextmanager
def show_errors() -> Iterator[None]:
    """Show an error of ours as a message instead of a traceback; nothing else is lost."""
    try:
        yield
    except SeqTutorError as error:
        st.error(literal(error), icon=":material/error:")
