"""How much of what is reachable a run has reached: its newest gauge as a bar, a sentence and a small print."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from pages.ui.charts import TUNED
from pages.ui.studio import Studio
from pages.ui.text import literal
from seqtutor_core.gauge import INFORMATIVE
from seqtutor_core.runs import store
from seqtutor_core.runs.gauge_monitor import why_no_gauge

COLLAPSED = (
    "The policy has collapsed to a few sequences",
    "At this c a few may earn so much that they are the best there is. For variety raise c or keep a KL budget, or "
    "lower the weight that they live on, and start anew.",
)
CEILING = "From above it is bounded by the highest reward that is possible and the prior's samples."
LOOSE = "Where few samples are effective a bound is loose, and more may be reachable than the highest of them says."
ENDS = """<div class="ends">
  <span>prior: J {j_prior:.1f}</span>
  <span>now: J {j:.1f} ± {error:.1f}</span>
  <span>reachable: J {limit:.1f} {more}</span>
</div>"""


def panel(studio: Studio, run: store.Run, lines: Sequence[Mapping[str, Any]]) -> None:
    """Draw the newest gauge of a run; before there is one, say when it comes or why it does not."""
    gauge, when = newest(run, lines)
    if gauge is None:
        later = "How much of what is reachable it has reached is measured after a few seconds."
        never = "How much of what is reachable it has reached was not measured."
        st.caption(why_no_gauge(run.config) or (later if run.state in store.ACTIVE else never))
        return
    if gauge["at_most"] is not None:
        st.html(bar(gauge))
    st.markdown(literal(gauge["sentence"]))
    n = gauge["n"]
    st.caption(
        f"J is in nats, at c = {gauge['kl_coefficient']:.3g}. Measured {when} on {n:,} {studio.many}, "
        f"{gauge['distinct']:.0%} of them different.",
        help="\n".join(
            ["What is reachable is bounded from below by:", ""]
            + [
                f"- {literal(name)}: {of['effective_sample_size']:,.1f} effective of {n:,}"
                for name, of in gauge["sources"].items()
            ]
            + ["", LOOSE, *([CEILING] if gauge.get("log_z_at_most") is not None else [])]
        ),
    )


def alarms(run: store.Run, lines: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return the signs that the policy cheats or collapses: what is the matter, and what to change."""
    gauge, _ = newest(run, lines)
    collapse = [COLLAPSED] if gauge is not None and gauge["collapsed"] else []
    return [*collapse, *((alarm["title"], alarm["advice"]) for alarm in lines[-1].get("alarms", ()))]


def newest(run: store.Run, lines: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any] | None, str]:
    """Return the newest gauge, the one of the end or the last on the way, and when it was read; None without any."""
    if gauge := (run.status.summary or {}).get("gauge"):
        return gauge, "at the end"
    moved = False
    for line in reversed(lines):
        if gauge := line.get("gauge"):
            return gauge, f"after {line['seconds']:.0f} s" + (", before a slider was moved," if moved else "")
        moved |= bool(line.get("changed"))
    return None, ""


def bar(gauge: Mapping[str, Any]) -> str:
    """Return a meter from the prior's J at the left to what is reachable; paler between at least and at most."""
    least, highest = gauge.get("at_least") or 0.0, gauge.get("log_z_at_most")  # not there in runs of old
    colour = TUNED
    if least >= INFORMATIVE:
        colour = f"linear-gradient(to right, {TUNED} {least / gauge['at_most']:.1%}, {TUNED}66 0)"
    return meter(gauge, f"background: {colour};") + ENDS.format(
        more="or more" if highest is None else f"to {highest:.1f}",
        j_prior=gauge["j_prior"],
        j=gauge["j"],
        error=2 * gauge["j_error"],
        limit=gauge["log_z_at_least"],
    )


def meter(gauge: Mapping[str, Any], style: str = "") -> str:
    """Return the share that was reached at most, as a bar; its height is the style sheet's."""
    percent = 100 * gauge["at_most"]
    return (
        '<div class="bar" role="meter" aria-label="Reached of the reachable improvement, at most" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{percent:.0f}"><span style="width: {percent:.1f}%; {style}"></span></div>'
    )
