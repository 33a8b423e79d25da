"""A run: start, watch at 1 Hz, pause, stop, resume. The worker does the work; this only asks and reads."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.shared import state
from pages.shared.cards import strip
from pages.shared.charts import curves
from pages.shared.listen import has_policy
from seqtutor_core.config import Change
from seqtutor_core.domains.melody import TERMS
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.runs import launcher, store

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
ARRIVALS = 4  # melodies shown as they arrive


def panel(run: store.Run | None) -> None:
    """Buttons, and below them the figures and curves of the run in view; redrawn every second while it lives."""
    drawn = _looks(run)
    st.fragment(_watch, run_every=1.0 if drawn[0] else None)(drawn)


def _looks(run: store.Run | None) -> tuple[bool, bool]:
    """What the rest of the page depends on: whether the run lives, and whether it has a policy to hear."""
    return run is not None and run.state in store.ACTIVE, run is not None and has_policy(run)


def _watch(drawn: tuple[bool, bool]) -> None:
    """The panel; when the run begins, ends or can first be heard, the page is drawn once more as a whole."""
    run = state.run()
    if _looks(run) != drawn:
        st.rerun()
    _buttons(run)
    if text := state.problem():
        st.error(text, icon=":material/error:")
    if run is None:
        st.caption("No run yet: set what should be better, then start. A minute is enough to hear a difference.")
    else:
        _report(run)


# ---------------------------------------------------------------- buttons


def _buttons(run: store.Run | None) -> None:
    now = run.state if run else ""
    living = now in store.ACTIVE
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("##### Tune")
        st.button(
            "Start tuning",
            key="start",
            type="primary",
            icon=":material/play_arrow:",
            on_click=_safely,
            args=(_start,),
            disabled=living,
        )
        # Stop stands before the button that changes with the state, so that it never moves away under a click
        if living:
            st.button("Stop", key="stop", icon=":material/stop:", on_click=_safely, args=(_ask, Change(stop=True)))
        elif now in ("stopped", "interrupted", "failed"):
            st.button("Resume", key="resume", icon=":material/resume:", on_click=_safely, args=(_resume, 0.0))
        elif now == "finished":
            st.button(
                "More time",
                key="more",
                icon=":material/more_time:",
                on_click=_safely,
                args=(_resume, float(state.value(state.SECONDS))),
                help="Learn on for the time set as Tuning time",
            )
        if now == "paused":
            st.button(
                "Go on", key="go-on", icon=":material/play_arrow:", on_click=_safely, args=(_ask, Change(pause=False))
            )
        elif living:
            st.button("Pause", key="pause", icon=":material/pause:", on_click=_safely, args=(_ask, Change(pause=True)))


def _safely(action: Callable[..., None], *arguments: Any) -> None:
    """Do what a button asks; what goes wrong is told on the page and costs nothing else."""
    try:
        action(*arguments)
    except SeqTutorError as error:
        state.set_problem(str(error))


def _start() -> None:
    config = state.tuning_config()
    if other := launcher.busy(config.device):
        state.set_problem(
            f"The run {other.id} is {other.state} on this machine, and one can learn at a time. It is shown below: "
            "stop it, or wait until it has finished, and start again. Your settings are kept."
        )
        state.look_at(other)
        return
    state.pick()
    state.look_at(launcher.start(config))


def _ask(change: Change) -> None:
    if run := state.run():
        run.change(change)


def _resume(extra_seconds: float) -> None:
    if run := state.run():
        launcher.resume(run, extra_seconds)


# ---------------------------------------------------------------- watching


def _report(run: store.Run) -> None:
    """State, time, figures, curves and the newest melodies."""
    now = run.state
    try:
        status, config = run.status, run.config
    except SeqTutorError as error:
        st.error(str(error))
        return
    label, colour = STATES[now]
    text = status.error or status.message
    if now == "interrupted":
        text = "its worker is gone; Resume goes on from the last checkpoint"
    st.markdown(f":{colour}-badge[{label}] `{run.id}` on {(status.device or config.device).upper()} {text}")
    lines = _lines(run)
    st.progress(min(1.0, status.seconds / config.seconds), _time_left(status.seconds, config.seconds, now))
    if not lines:
        return
    _figures(lines)
    st.plotly_chart(curves(lines, TERMS), key="curves", config={"displayModeBar": False})
    _arrivals(run)


def _time_left(seconds: float, budget: float, now: str) -> str:
    left = max(0.0, budget - seconds)
    return f"{seconds:.0f} s learned" + (f", {left:.0f} s left" if now in store.ACTIVE else "")


def _lines(run: store.Run) -> list[dict[str, Any]]:
    """The curves so far; only what is new is read."""
    kept = st.session_state.setdefault("_lines", {})
    if kept.get("run") != run.id:
        kept.clear()
        kept.update(run=run.id, offset=0, lines=[])
    fresh, kept["offset"] = run.metrics(kept["offset"])
    kept["lines"] = store.consistent([*kept["lines"], *fresh])
    return kept["lines"]


def _figures(lines: list[dict[str, Any]]) -> None:
    """The last values, with their change since the first."""
    first, last = lines[0], lines[-1]
    figures = (
        ("Reward", f"{last['reward']:.1f}", last["reward"] - first["reward"], "Weighted sum per melody"),
        ("KL", f"{last['kl']:.2f}", None, "Nats per melody away from the prior, exact"),
        ("J", f"{last['j']:.2f}", last["j"] - first["j"], "The objective: reward / c - KL, in nats"),
        ("Entropy", f"{last['entropy']:.2f}", None, "Nats a token; near 0 every melody is the same"),
        ("Distinct", f"{last['distinct']:.0%}", None, "Share of different melodies among the last 1,024"),
        ("Steps/s", f"{last['steps_per_second']:,.0f}", None, "Tokens sampled a second, learning included"),
    )
    for column, (label, shown, change, text) in zip(st.columns(len(figures)), figures, strict=True):
        column.metric(label, shown, None if change is None else f"{change:+.1f}", help=text)


def _arrivals(run: store.Run) -> None:
    """Melodies as it learns, the newest first."""
    moments = run.samples()
    if not moments:
        return
    newest = [(m, tokens) for m in moments[::-1] for tokens in m.sequences[:2]][:ARRIVALS]
    st.markdown("###### Arriving")
    strip([(f"after {m.seconds:.0f} s", tokens) for m, tokens in newest], key="arrival")
