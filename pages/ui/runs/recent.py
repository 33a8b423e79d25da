"""The runs of a studio in small: its newest, one click to look at one, one more to use its settings."""

from collections.abc import Sequence

import streamlit as st

from pages.ui import state
from pages.ui.buttons import action_button
from pages.ui.page import fragment
from pages.ui.readout import state_words
from pages.ui.runs import reuse
from pages.ui.studio import Studio
from pages.ui.text import literal
from seqtutor_core.runs.index import RunInfo, all_run_info
from seqtutor_core.runs.store import open_run

MANY = 8
SHORT = 30  # characters of a name
EVERY = 3.0  # seconds between two looks while one of them lives
STYLE = """<style>
[class*="st-key-recent-"] { border-left: 4px solid transparent; padding-left: 0.4rem; min-height: 3.4rem; }
[class*="st-key-recent-viewed-"] { border-left-color: #7A5BA6; }
[class*="st-key-recent-"] button { min-height: 0; padding: 0; }
</style>"""

Looks = tuple[str, tuple[tuple[str, str], ...]]
"""The id of the run in view, and ids and states of those in the list."""


def panel(studio: Studio) -> None:
    """Draw the studio's newest runs with their figures; living ones are followed."""
    shown = _newest(studio)
    every = EVERY if any(run.active for run in shown) else None
    drawn = _looks(studio, shown)
    fragment(_list, studio, drawn, every=every, steady=True)
    # not in the fragment, for all the page follows
    usable = any(run.id == drawn[0] for run in shown)
    text = "Every slider as it was when this run began"
    label = "Use the settings of the run in view"
    action_button(label, "tune", "use-viewed", _use, drawn[0], disabled=not usable, help=text)
    st.page_link("pages/runs.py", label="All runs, to compare and to tidy up", icon=":material/history:")


def _newest(studio: Studio) -> list[RunInfo]:
    return [run for run in all_run_info() if run.domain == studio.domain][:MANY]


def _looks(studio: Studio, shown: Sequence[RunInfo]) -> Looks:
    viewed = state.run(studio)
    return viewed.id if viewed else "", tuple((run.id, run.state) for run in shown)


def _list(studio: Studio, drawn: Looks) -> None:
    """Draw the list; when another run is looked at, or one came, went or ended, the page is drawn anew."""
    shown = _newest(studio)
    if _looks(studio, shown) != drawn:
        st.rerun()
    st.html(STYLE)
    if not shown:
        st.caption(f"No run of {studio.many} yet: start one, and it is listed here.")
    for run in shown:
        _entry(studio, run, viewed=run.id == drawn[0])


def _entry(studio: Studio, run: RunInfo, viewed: bool) -> None:
    """Draw a run: its name, which brings it into view, its state, and its figures below."""
    name = run.name if len(run.name) <= SHORT else f"{run.name[:SHORT]}…"
    with st.container(key=f"recent-{'viewed-' if viewed else ''}{run.id}", gap=None):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            action_button(
                literal(name), "visibility", f"bring-{run.id}", _look, studio, run.id, type="tertiary", disabled=viewed
            )
            st.markdown(f":gray-badge[{state_words(run)}]", width="content")
        st.caption(" · ".join(_figures(run)))


def _figures(run: RunInfo) -> list[str]:
    """Return what is known of it, in words and numbers."""
    figures = (
        ("c {:.3g}", run.kl_coefficient),
        ("reward {:.1f}", run.reward),
        ("KL {:.2f}", run.kl),
        ("at most {:.0%}", run.gauge),
    )
    return [text.format(value) for text, value in figures if value is not None]


def _look(studio: Studio, run_id: str) -> None:
    state.look_at(studio, open_run(run_id))


def _use(run_id: str) -> None:
    reuse.use(open_run(run_id))
