"""What went wrong last, kept until it is shown and something else is done; the only place with its keys."""

import streamlit as st

_PROBLEM, _SHOWN_BY = "_problem", "_problem_shown_by"


def current(page: str) -> str:
    """Return what went wrong last, for the one place of a page that shows it; empty on another page."""
    if _PROBLEM in st.session_state and st.session_state.setdefault(_SHOWN_BY, page) != page:
        forget()
    return str(st.session_state.get(_PROBLEM, ""))


def is_new() -> bool:
    """Return whether something went wrong that no page has shown yet."""
    return _PROBLEM in st.session_state and _SHOWN_BY not in st.session_state


def was_shown() -> bool:
    """Return whether something went wrong that a page has shown and that was not forgotten since."""
    return _SHOWN_BY in st.session_state


def tell(text: str) -> None:
    """Remember what went wrong; it is shown when the whole page is drawn."""
    forget()
    st.session_state[_PROBLEM] = text


def forget() -> None:
    """Drop what went wrong: something else was done since, so it has been read."""
    for key in (_PROBLEM, _SHOWN_BY):
        st.session_state.pop(key, None)
