"""A run: start, watch at 1 Hz, pause, stop, resume. The worker does the work; this only asks and reads."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pages.ui import gauge_panel, state, steering
from pages.ui.buttons import action_button
from pages.ui.charts import curves
from pages.ui.page import fragment, show_errors
from pages.ui.sampling import has_policy
from pages.ui.studio import Studio
from pages.ui.text import literal
from seqtutor_core.config import Change
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.runs import launcher, store
from seqtutor_core.runs.names import name_of

STATES = {
    "waiting": ("Waiting", "orange"),
    "running": ("Tuning", "green"),
    "paused": ("Paused", "orange"),
    "finished": ("Finished", "blue"),
    "stopped": ("Stopped", "gray"),
    "failed": ("Failed", "red"),
    "interrupted": ("Interrupted", "red"),
    "damaged": ("Damaged", "red"),
}


def panel(studio: Studio, run: store.Run | None) -> None:
    """Buttons, and below them the figures and curves of the run in view; redrawn every second while it lives."""
    with st.container(horizontal=True):  # always there, and as high as one button, so that what is below does not move
        steering.panel(run)
    drawn = _looks(run)
    fragment(_watch, studio, drawn, every=1.0 if drawn[0] else None, steady=True)


def _looks(run: store.Run | None) -> tuple[bool, bool]:
    """What the rest of the page depends on: whether the run lives, and whether it has a policy to hear."""
    return run is not None and run.state in store.ACTIVE, run is not None and has_policy(run)


def _watch(studio: Studio, drawn: tuple[bool, bool]) -> None:
    """The panel; when the run begins, ends or can first be heard, the page is drawn once more as a whole."""
    run = state.run(studio)
    if _looks(run) != drawn:
        st.rerun()
    _buttons(studio, run)
    steering.notice(run)
    if text := state.problem():
        st.error(literal(text), icon=":material/error:")
    if run is None:
        st.caption(studio.invitation)
    else:
        _report(studio, run)


# ---------------------------------------------------------------- buttons


def _buttons(studio: Studio, run: store.Run | None) -> None:
    now = run.state if run else ""
    living = now in store.ACTIVE
    ours = {"disabled": run is not None and not steering.steers(run)}
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("##### Tune")
        action_button("Start tuning", "play_arrow", "start", _start, studio, type="primary", disabled=living)
        # Stop stands before the button that changes with the state, so that it never moves away under a click
        if living:
            action_button("Stop", "stop", "stop", _ask, studio, Change(stop=True), **ours)
        elif now in ("stopped", "interrupted", "failed"):
            action_button("Resume", "resume", "resume", _resume, studio, 0.0, **ours)
        elif now == "finished":
            more = float(state.value(studio, state.SECONDS))
            text = "Learn on for the time set as Tuning time"
            action_button("More time", "more_time", "more", _resume, studio, more, help=text, **ours)
        if now == "paused":
            action_button("Go on", "play_arrow", "go-on", _ask, studio, Change(pause=False), **ours)
        elif living:
            action_button("Pause", "pause", "pause", _ask, studio, Change(pause=True), **ours)


def _start(studio: Studio) -> None:
    config = state.tuning_config(studio)
    if other := launcher.busy(config.device):
        ours = other.config.domain == studio.domain
        where = "It is shown below" if ours else "It is another domain's, and the home page links to it"
        state.set_problem(
            f"The run {name_of(other)} is {other.state} on this machine, and one can learn at a time. {where}: "
            "stop it, or wait until it has finished, and start again. Your settings are kept."
        )
        if ours:
            state.look_at(studio, other)
        return
    studio.starting()
    run = launcher.start(config, steering.own)
    state.look_at(studio, run)


def _ask(studio: Studio, change: Change) -> None:
    if run := state.run(studio):
        steering.check(run)
        run.change(change)


def _resume(studio: Studio, extra_seconds: float) -> None:
    if run := state.run(studio):
        steering.check(run)
        launcher.resume(run, extra_seconds)


# ---------------------------------------------------------------- watching


def _report(studio: Studio, run: store.Run) -> None:
    """State, time, figures, curves and the newest sequences."""
    now = run.state
    try:
        status, config, lines = run.status, run.config, state.lines(run)
    except SeqTutorError as error:
        st.error(literal(error))
        return
    label, colour = STATES[now]
    text = status.error or status.message
    if now == "interrupted":
        text = "its worker is gone; Resume goes on from the last checkpoint"
    where = literal(f"{name_of(run)} ({run.id}) on {(status.device or config.device).upper()} {text}")
    st.markdown(f":{colour}-badge[{label}] {where}")
    st.progress(min(1.0, status.seconds / config.seconds), _time_left(status.seconds, config.seconds, now))
    if not lines:
        return
    _alarms(lines[-1])
    _figures(studio, lines)
    gauge_panel.panel(studio, run, lines)
    st.plotly_chart(curves(lines, studio.terms, studio.figures), key="curves", config={"displayModeBar": False})
    with show_errors():
        studio.arrivals(studio, run)


def _time_left(seconds: float, budget: float, now: str) -> str:
    left = max(0.0, budget - seconds)
    return f"{seconds:.0f} s learned" + (f", {left:.0f} s left" if now in store.ACTIVE else "")


def _alarms(line: Mapping[str, Any]) -> None:
    """Signs that the policy cheats or collapses, with what to change."""
    for alarm in line.get("alarms", ()):
        st.warning(f"**{literal(alarm['title'])}.** {literal(alarm['advice'])}", icon=":material/warning:")


def _figures(studio: Studio, lines: list[dict[str, Any]]) -> None:
    """The last values, with their change since the first; the domain's own in a second row."""
    first, last = lines[0], lines[-1]
    budget = last.get("kl_budget")
    shown = [
        ("Reward", f"{last['reward']:.1f}", last["reward"] - first["reward"], f"Weighted sum per {studio.one}"),
        ("KL", f"{last['kl']:.2f}", None, f"Nats per {studio.one} away from the prior, exact"),
        ("J", f"{last['j']:.2f}", last["j"] - first["j"], "The objective: reward / c - KL, in nats"),
        ("Entropy", f"{last['entropy']:.2f}", None, f"Nats a token; near 0 every {studio.one} is the same"),
        ("Distinct", f"{last['distinct']:.0%}", None, f"Share of different {studio.many} among the last 1,024"),
        ("Steps/s", f"{last['steps_per_second']:,.0f}", None, "Tokens sampled a second, learning included"),
    ]
    if budget is not None and "kl_coefficient" in first and "kl_coefficient" in last:
        text = f"The KL coefficient, moved to keep KL at {budget:g} nats a {studio.one}"
        shown.insert(2, ("c", f"{last['kl_coefficient']:.2f}", last["kl_coefficient"] - first["kl_coefficient"], text))
    columns = st.columns(len(shown))
    for column, (label, value, change, text) in zip(columns, shown, strict=True):
        column.metric(label, value, None if change is None else f"{change:+.1f}", help=text)
    own = [(f, last["figures"][f.name]) for f in studio.figures if f.name in last.get("figures", {})]
    for column, (figure, now) in zip(st.columns(len(shown)) if own else (), own, strict=False):
        column.metric(figure.label, f"{now:.1%}" if figure.percent else f"{now:,.0f}", help=figure.help)
