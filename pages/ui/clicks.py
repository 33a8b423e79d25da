"""Each click is heard once: none is lost to a newer request of the browser, and none is acted on twice.

Streamlit (1.67) looks for a newer request when it is about to run the callbacks of one, and whenever a callback asks
the session for something; it then drops the callbacks, or the rest of one. So of two quick clicks, or of a click and a
moved slider, the first was lost. With `fastReruns` off (.streamlit/config.toml) the newer request waits in the same
thread, and requests that wait together keep the clicks of each.

A click is sent by a timer of its page. Where the page was busy, the timer of a part that redraws itself comes before
that one, and what it sends has the click too: it was heard twice, and a star given was taken back.
"""

from typing import Any

from streamlit.delta_generator_singletons import context_dg_stack, get_default_dg_stack_value
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.state.safe_session_state import SafeSessionState

CLICKS = ("trigger_value", "string_trigger_value", "json_trigger_value", "chat_input_value")
"""The kinds of value that say what happened, rather than how something stands."""

_request_rerun = AppSession.request_rerun


def keep() -> None:
    """Hear each click once and act on it to the end. To be called once, before a page is served."""
    AppSession.request_rerun = _hear  # type: ignore[method-assign]
    SafeSessionState.on_script_will_rerun = _call_back  # type: ignore[method-assign]


def _hear(self: AppSession, client_state: ClientState | None) -> None:
    """Do what AppSession.request_rerun does, without the clicks where a part's own timer asks: theirs is on its way."""
    if client_state is not None and client_state.is_auto_rerun:
        widgets = client_state.widget_states.widgets
        standing = [widget for widget in widgets if widget.WhichOneof("value") not in CLICKS]
        del widgets[:]
        widgets.extend(standing)
    _request_rerun(self, client_state)


def _call_back(self: SafeSessionState, *states: Any, **replayed: Any) -> None:
    """Do what SafeSessionState.on_script_will_rerun does, without asking meanwhile whether to stop."""
    # A fragment leaves its container behind as the one to draw in: a page that followed in its thread stood inside it.
    context_dg_stack.set(get_default_dg_stack_value())
    ask = self._yield_callback
    object.__setattr__(self, "_yield_callback", lambda: None)  # its own __setattr__ would write to the session
    try:
        with self._lock:
            self._state.on_script_will_rerun(*states, **replayed)
    finally:
        object.__setattr__(self, "_yield_callback", ask)
