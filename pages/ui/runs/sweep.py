"""A search over settings from the page of all runs: what varies, between what, and how the newest searches stand.

The command `sweep` does it, in a process of its own; its points are ordinary runs.
"""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.ui import state, steering
from pages.ui.buttons import action_button
from pages.ui.learning import LEARNERS
from pages.ui.page import fragment, page_of
from pages.ui.runs import reuse
from pages.ui.studio import Studio
from pages.ui.text import literal
from pages.ui.visitor import visitor
from seqtutor_core.config import resolve_device
from seqtutor_core.environment import runs_per_visitor, slot_count
from seqtutor_core.errors import RunError, SeqTutorError
from seqtutor_core.runs.store import open_run
from seqtutor_core.sweeps import background
from seqtutor_core.sweeps.folder import OPEN, SweepFolder, all_sweeps
from seqtutor_core.sweeps.plan import Plan
from seqtutor_core.sweeps.progress import best_points, facts, progress

EVERY = 3.0  # seconds between two looks while a search goes on
MOST_POINTS = 50  # of a search from a page
MOST_WEIGHT = 100.0
SHOWN = 3  # searches
C, LEARNER, SEED = "c", "learner", "seed"
VARIED = {C: "c", LEARNER: "Learner", SEED: "Seed"}
FORM = "sweep-form"
HELP = "The search begins with this studio's settings as they stand in this browser"
LIVING = ("beginning", "going")
_STARTED = "_sweeps_started"  # names, of this session

Looks = tuple[tuple[str, str, int], ...]
"""Of each search that is shown its name, how it stands, and how many runs it has begun."""


def panel() -> None:
    """Draw the form, closed until it is wanted, and how the newest searches stand."""
    with st.expander("Search over settings", icon=":material/travel_explore:", key=FORM, on_change="rerun") as form:
        if form.open:
            _form()
    looks = _looks()
    if looks:
        living = any(how in LIVING for _, how, _ in looks)
        fragment(_standing, looks, every=EVERY if living else None, steady=True)


# ---------------------------------------------------------------- the form


def _form() -> None:
    domain = st.selectbox("Studio", list(reuse.STUDIOS), key="sweep-domain", help=HELP)
    studio = reuse.STUDIOS[domain]
    reuse.prepare(domain)
    terms = {f"weights.{term.name}": term.label for term in studio.terms if not term.name.startswith("own")}
    names = {**VARIED, **terms}
    chosen = st.multiselect("What varies", list(names), default=[C], key="sweep-names", format_func=lambda n: names[n])
    for name in chosen:
        _between(studio, name, names[name])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.number_input("Points", 1, MOST_POINTS, 12, key="sweep-points")
        st.selectbox("Seconds a point", list(studio.budgets), key="sweep-seconds")
        action_button(
            "Start the search", "play_arrow", "sweep-start", _start, studio, tuple(chosen), type="primary",
            disabled=not chosen,
        )  # fmt: skip


def _between(studio: Studio, name: str, label: str) -> None:
    """Draw where a setting lies."""
    key = _key(studio, name)
    if name == C:
        steps = state.KL_STEPS
        st.select_slider("c between", steps, (steps[len(steps) // 3], steps[-len(steps) // 3]), key=key)
    elif name == LEARNER:
        learners = list(LEARNERS)
        st.multiselect("Learners", learners, default=learners[:2], key=key, format_func=lambda n: LEARNERS[n][0])
    elif name == SEED:
        st.slider("Seeds between", 0, 99, (0, 9), key=key)
    else:
        st.slider(f"{literal(label)}: weight between", 0.0, MOST_WEIGHT, (0.0, 50.0), key=key)


def _key(studio: Studio, name: str) -> str:
    return f"sweep-{studio.domain}-{name}"


def _start(studio: Studio, chosen: tuple[str, ...]) -> None:
    """Start the command; RunError while another search of this visitor goes on."""
    mine = [one.name for one in all_sweeps()[:SHOWN] if _how(one)[0] in LIVING and _is_ours(one)]
    if mine:
        raise RunError(f"your search {mine[0]} goes on; let it end, or stop it, before another begins")
    ranges: dict[str, Any] = {}
    for name in chosen:
        ends = st.session_state[_key(studio, name)]
        if name.startswith("weights."):
            ranges.setdefault("weights", {})[name.removeprefix("weights.")] = {"uniform": list(map(float, ends))}
        elif name == LEARNER:
            ranges[LEARNER] = {"categorical": list(ends)}
        else:
            ranges["kl_coefficient" if name == C else SEED] = {"log" if name == C else "int": list(ends)}
    base = state.tuning_config(studio)
    seconds = float(st.session_state["sweep-seconds"])
    plan = background.plan_of(
        type(base)(**{**vars(base), "seconds": seconds, "updates": None, "calls": None}),
        {"points": int(st.session_state["sweep-points"]), "ranges": ranges},
    )
    _begin(plan)
    st.session_state.setdefault(_STARTED, []).append(plan.name)


def _begin(plan: Plan) -> None:
    """Start the command of a search, or go on with it: with as many runs at a time as the visitor may have here."""
    device = resolve_device(plan.base.get("device", "auto")).type
    background.start(plan, visitor(), min(slot_count(device), runs_per_visitor()))


# ---------------------------------------------------------------- how they stand


def _looks() -> Looks:
    return tuple((one.name, *_how(one)) for one in all_sweeps()[:SHOWN])


def _how(folder: SweepFolder) -> tuple[str, int]:
    """Return how a search stands, and how many runs it has begun."""
    try:
        return background.phase(folder), sum(bool(point.run) for point in folder.points())
    except SeqTutorError:  # damaged
        return "", 0


def _standing(drawn: Looks) -> None:
    """Draw the newest searches; one that came, went or began a run draws the page, and its table of runs, anew."""
    if _looks() != drawn:
        st.rerun()
    for folder in all_sweeps()[:SHOWN]:
        try:
            _one(folder)
        except SeqTutorError as error:
            st.warning(literal(f"{folder.name}: {error}"), icon=":material/warning:")


def _one(folder: SweepFolder) -> None:
    plan, points, how = folder.plan, folder.points(), background.phase(folder)
    found = progress(points, plan.search.size, max(1, sum(p.state == OPEN and bool(p.run) for p in points)))
    best = best_points(points, plan.search.aims)
    with st.container(border=True):
        st.progress((found.done + found.failed) / found.size, text=literal(f"Search {folder.name}: {found.sentence}"))
        if how == "beginning":
            st.caption("Its command begins; that takes some seconds.")
        elif how == "cut short":
            st.caption(literal(f"Its command has ended: {background.last_words(folder)}"))
        with st.container(horizontal=True, vertical_alignment="center"):
            ours = _is_ours(folder)
            stays, rests = not (ours and how in LIVING), not (ours and how == "cut short")
            action_button("Stop", "stop", f"sweep-stop-{folder.name}", _stop, folder, disabled=stays)
            action_button("Go on", "play_arrow", f"sweep-go-on-{folder.name}", _go_on, folder, disabled=rests)
            for number, point in enumerate(best[:SHOWN], start=1):
                _link(number, point.run)
        if points:
            rows = [_row(facts(point)) for point in points]
            st.dataframe(
                rows, hide_index=True, height=200, key=f"sweep-table-{folder.name}", alt="The points of a search"
            )


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "why" or value}


def _link(number: int, run_id: str) -> None:
    """Draw the way to one of the best runs, unless it was deleted."""
    try:
        run = open_run(run_id)
    except RunError:
        return
    st.page_link(
        page_of(run), label=f"Best run {number:d}", icon=":material/open_in_new:", query_params={"run": run_id}
    )


def _is_ours(folder: SweepFolder) -> bool:
    """Return whether this visitor started the search: this session has, or its runs are the visitor's."""
    if folder.name in st.session_state.get(_STARTED, ()):
        return True
    for point in folder.points():
        try:
            return steering.steers(open_run(point.run))
        except RunError:  # none yet, or deleted
            continue
    return False


def _check(folder: SweepFolder) -> None:
    if not _is_ours(folder):
        raise RunError(f"the search {folder.name} was started by somebody else, or by a command; only they stop it")


def _stop(folder: SweepFolder) -> None:
    _check(folder)
    folder.ask_to_stop()


def _go_on(folder: SweepFolder) -> None:
    _check(folder)
    _begin(folder.plan)
