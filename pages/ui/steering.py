"""Who steers a run: the visitor who started it, and whoever took it over by a click. All others watch.

A run knows its visitors, and its owner's secret, which an owner's link hands on. The session keeps the secret, and the
browser for a reload, unless somebody has logged in: others may use the browser after them.
"""

from collections.abc import Callable

import streamlit as st

from pages.ui.buttons import safely
from pages.ui.components import component, source
from pages.ui.visitor import logged_in, visitor
from seqtutor_core.errors import RunError
from seqtutor_core.runs import owner
from seqtutor_core.runs.store import Run

LINK = "owner"  # the parameter of an owner's link
COOKIE = "sequence_tutor_runs"  # ID.SECRET~ID.SECRET, the newest first
_SECRETS = "_secrets"
WATCHING = (
    "You watch this run: it was started by somebody else, or by a command. Your sliders are your own: they move your "
    "preview and leave the run alone."
)
FORGETTING = (
    "This browser keeps no cookies for this page: after a reload you would only watch your run. *Hand on* has a link "
    "with which you steer it again."
)

_keeper = component("sequence_tutor_owner", js=source("owner.js"))


def steers(run: Run) -> bool:
    """Return whether this session steers the run."""
    return owner.owns(run, _secrets().get(run.id, ""), visitor())


def check(run: Run) -> None:
    """Raise RunError for a run that this session only watches."""
    if not steers(run):
        raise RunError(f"this page only watches run {run.id}; take it over, or ask its owner for the owner's link")


def claims() -> Callable[[Run], None]:
    """Return what makes a run this session's own, without asking the session again.

    RunError when it has an owner whose secret this session has not been given.
    """
    secrets, offered, who = _secrets(), st.query_params.get(LINK, ""), visitor()

    def claim(run: Run) -> None:
        if owner.owns(run, offered):
            owner.admit(run, offered, who)
            secret = offered
        else:
            secret = owner.claim(run, who)
        secrets.pop(run.id, None)
        secrets[run.id] = secret

    return claim


def may_delete(run: Run) -> bool:
    """Return whether this session may delete the run once it has ended: its own, or one without an owner."""
    return steers(run) or not owner.has_owner(run)


# ---------------------------------------------------------------- what is drawn


def panel(run: Run | None) -> None:
    """Give its owner a link to hand on; to others say that they watch, and offer to take it over. Made for a row."""
    if run is not None and steers(run):
        st.query_params.pop(LINK, None)  # so that the address, when it is passed on, only lets others watch
        _hand_on(run)
    elif run is not None:
        st.markdown(":orange-badge[:material/visibility: You watch]", help=WATCHING)
    if (
        run is not None
        and not steers(run)
        and (owner.owns(run, st.query_params.get(LINK, "")) or not owner.has_owner(run))
    ):
        st.button(
            "Take over", key="take-over", icon=":material/sports_esports:", on_click=safely, args=(_take_over, run)
        )
    if not logged_in() and _secrets().items() - _kept().items():
        _keep()


def _keep() -> None:
    """Let the browser keep the secrets; say so where it keeps nothing."""
    forgets = bool((st.session_state.get("owner") or {}).get("forgets"))
    runs = [f"{run}.{secret}" for run, secret in reversed(_secrets().items())]
    data = {"cookie": COOKIE, "runs": runs, "forgets": forgets}
    if _keeper(key="owner", data=data, default={"forgets": False}, on_forgets_change=lambda: None).forgets:
        st.markdown(":orange-badge[:material/cookie_off: No cookies]", help=FORGETTING)


def _hand_on(run: Run) -> None:
    with st.popover("Hand on", icon=":material/key:", help="A link for others to steer this run"):
        secret = _secrets().get(run.id)
        st.caption(
            "Whoever opens the owner's link may take the run over. The page's own address only lets others watch."
        )
        if secret:
            st.code(f"{st.context.url or ''}?run={run.id}&{LINK}={secret}", language=None, wrap_lines=True)
        label = "Make another link" if secret else "Make a link"
        help = "A link that was made before leads nowhere then"
        st.button(label, key="renew", icon=":material/add_link:", on_click=safely, args=(_renew, run), help=help)


def _take_over(run: Run) -> None:
    claims()(run)


def _renew(run: Run) -> None:
    check(run)
    _secrets()[run.id] = owner.renew(run)


# ---------------------------------------------------------------- secrets


def _secrets() -> dict[str, str]:
    """Return run id -> secret, of the runs that this session steers, the newest last."""
    if _SECRETS not in st.session_state:
        st.session_state[_SECRETS] = {} if logged_in() else _kept()
    return st.session_state[_SECRETS]


def _kept() -> dict[str, str]:
    """Return what the browser had kept when it opened the page."""
    pairs = [pair.partition(".") for pair in st.context.cookies.get(COOKIE, "").split("~")]
    return {run: secret for run, dot, secret in reversed(pairs) if dot}
