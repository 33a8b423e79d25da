"""pretty_midi and fluidsynth's library: a broken library must not break pretty_midi."""

import contextlib
import io
import sys

failure = ""
"""Why fluidsynth's library cannot be used; empty when it can."""

try:
    with contextlib.redirect_stdout(io.StringIO()):  # on a build machine it prints what it found
        import fluidsynth  # noqa: F401
except (ImportError, OSError, AttributeError) as error:
    failure = str(error)
    sys.modules["fluidsynth"] = None  # type: ignore[assignment]  # pretty_midi imports it too, and forgives absence only

import pretty_midi  # noqa: E402

__all__ = ["failure", "instrument_name", "pretty_midi"]


def instrument_name(program: int) -> str:
    """Return what General MIDI calls a program, 0 to 127."""
    name: str = pretty_midi.program_to_instrument_name(program)
    return name
