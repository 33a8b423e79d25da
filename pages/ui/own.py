"""At the end of an own reward's row: which file it is, what that says of itself, and a try of it.

Only files in the owner's folder are on offer, and examples; nothing here writes or uploads one.
"""

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.ui import state
from pages.ui.page import show_errors
from pages.ui.previews import preview_request, prior_rollout
from pages.ui.rows import widget
from pages.ui.studio import Studio, nothing
from pages.ui.text import literal
from seqtutor_core.domains import RewardTerm
from seqtutor_core.domains.own import OWN
from seqtutor_core.own_rewards import OwnReward, Score, find, folder, listed, scorer
from seqtutor_core.own_rewards.folder import NAME

TRIED = 5  # sequences of the prior
SHOWN = 24  # characters of one in the table
HELP = "A Python file with a function reward, or a program; see Adding your own in the guide"


def file_key(term: str) -> str:
    """Return the name of the setting that chooses a term's file."""
    return f"{term}_file"


DEFAULTS: dict[str, Any] = {file_key(term): "" for term in OWN}


def files(studio: Studio) -> dict[str, str]:
    """Return the file names by term, empty for none; one that is missing is told by what a weight asks of it."""
    names = {term: str(state.value(studio, file_key(term))) for term in OWN}
    return {term: name if NAME.fullmatch(name) else "" for term, name in names.items()}


def beside(studio: Studio, term: RewardTerm, more: Callable[[], None] = nothing) -> None:
    """Draw the popover of an own reward; `more` draws what the domain has below."""
    with st.popover(f"File of {term.label}", type="tertiary", icon=":material/code:", help="Which file it is"):
        _choice(studio, term)
        name = files(studio)[term.name]
        if not name:
            st.caption(literal(f"Yours lie in {folder(studio.domain)}: copy an example there, and change it."))
            return
        with show_errors():
            reward = find(studio.domain, name)
            example = " An example." if reward.is_example else ""
            st.caption(literal(f"{reward.label}: {reward.facts}.{example}"))
            if st.button("Test it", key=f"test-{state.key(studio, term.name)}"):
                _test(studio, reward)
        more()


def _choice(studio: Studio, term: RewardTerm) -> None:
    key = state.key(studio, file_key(term.name))
    names = ["", *(one.name for one in listed(studio.domain))]
    asked = str(st.query_params.get(key, state.value(studio, file_key(term.name))))
    if asked not in names and NAME.fullmatch(asked):  # it was there when the link was made
        names.append(asked)
    widget(studio, st.selectbox, "File", file_key(term.name), options=names, format_func=_shown, help=HELP)


def _shown(name: str) -> str:
    """Return an option as links name it too."""
    return name or "None"


def _test(studio: Studio, reward: OwnReward) -> None:
    """Try the file on a few of the prior's sequences, and show what came back and how long it took."""
    request = preview_request(studio)
    rollout = prior_rollout(request.draw)
    rows = zip(rollout.tokens[:TRIED].tolist(), rollout.lengths.tolist(), strict=False)
    written = (request.objective.domain.to_json(row[:length]) for row, length in rows)
    texts = [one.get("smiles") or " ".join(map(str, one["tokens"])) for one in written]
    measuring = scorer(reward)
    found = measuring.score(texts, anew=True)
    st.table([_row(studio, *pair) for pair in zip(texts, found, strict=True)], border="horizontal")
    st.caption(f"About {measuring.milliseconds:.1f} ms a {studio.one}, in a process of its own.")


def _row(studio: Studio, text: str, score: Score) -> dict[str, str]:
    """Return a line of the table: a sequence, and what it is worth or what went wrong."""
    values = score.values
    worth = f"{values[0]:.3g}" if len(values) == 1 else f"{sum(values):.3g} in {len(values)} steps"
    shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
    return {studio.one: literal(shown), "worth": literal(score.error or worth)}
