"""No click is lost: what a browser asked for is done, to its end, before anything newer that it asks for.

Streamlit (1.67) looks for a newer request when it is about to run the callbacks of one, and whenever a callback asks
the session for something; it then drops the callbacks, or the rest of one. So of two quick clicks, or of a click and a
moved slider, the first was lost. With `fastReruns` off (.streamlit/config.toml) the newer request waits in the same
thread, and requests that wait together keep the clicks of each.
"""

from typing import Any

from streamlit.delta_generator_singletons import context_dg_stack, get_default_dg_stack_value
from streamlit.runtime.state.safe_session_state import SafeSessionState


def keep() -> None:
    """Let callbacks run to their end, whatever was asked meanwhile. To be called once, before a page is served."""
    SafeSessionState.on_script_will_rerun = _call_back  # type: ignore[method-assign]


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
