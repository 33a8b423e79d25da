"""The piano roll that plays: a component drawn in the browser."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from streamlit import runtime

from pages.ui.components import component, source
from seqtutor_core.domains.melody.roll import Roll
from seqtutor_core.domains.melody.synthesis import Sound
from seqtutor_core.errors import SettingError

PARTS = ("draw", "account", "track", "choice", "stage")
HEIGHT = 600  # pixels; the same as in piano_roll.css

_roll = component(
    "sequence_tutor_piano_roll",
    html=source("piano_roll.html"),
    css=source("common.css", "piano_roll.css", "roll_account.css"),
    js=source("mount.js", "sound_event.js", *(f"roll_{part}.js" for part in PARTS), "piano_roll.js"),
)
_sound = component("sequence_tutor_sound", js=source("sound_event.js", "sound.js"))


@dataclass(frozen=True)
class Track:
    """One melody as it is shown and heard, or the place that is kept for it."""

    letter: str
    """A prior, B preview, C tuned, ★ kept."""
    title: str
    roll: Roll | None
    sound: Sound | str
    """Or the name under which `attach_sound` brings it later, so that the roll need not wait for it."""
    caption: str = ""
    """Where it comes from, such as "policy of second 27"."""
    play: int = 0
    """Counts requests to play it: when it rises, the player plays this track at once."""
    absent: str = ""
    """Why there is no melody yet, and how to get one."""

    @classmethod
    def empty(cls, letter: str, title: str, reason: str) -> "Track":
        """Return a track whose place is kept: its button is shown, disabled, with the reason."""
        return cls(letter, title, None, "", absent=reason)

    def as_dict(self, key: str) -> dict[str, Any]:
        """Return what the player of this key is sent, as JSON values."""
        told = {"letter": self.letter, "title": self.title, "caption": self.caption, "play": self.play}
        if self.roll is None:
            return {**told, "absent": self.absent}
        sound = {"name": self.sound} if isinstance(self.sound, str) else _served(self.sound, f"{key}-{self.letter}")
        return {**told, "roll": self.roll.as_dict(), "sound": sound}


def piano_rolls(tracks: Sequence[Track], *, key: str) -> None:
    """Draw one to four melodies that take turns: the same place in the music, one playing at a time.

    Drawn again under the same key, a player goes on playing. Raises SettingError for another number of tracks, or
    for a letter that is given twice.
    """
    letters = [track.letter for track in tracks]
    if not 1 <= len(letters) <= 4 or len(set(letters)) < len(letters):
        raise SettingError(f"tracks {letters} do not fit one player; give it one to four, each with its own letter")
    _roll(key=key, data={"tracks": [track.as_dict(key) for track in tracks]}, height=HEIGHT)


def attach_sound(name: str, sound: Sound, *, key: str) -> None:
    """Bring the sound that tracks of this name wait for, wherever they are on the page."""
    _sound(key=key, data={**_served(sound, key), "name": name})


def _served(sound: Sound, place: str) -> dict[str, str]:
    """Return where the browser fetches a sound, once: sent along, it would come again with every drawing of the page.

    The server keeps it while the page shows it in this place.
    """
    url = runtime.get_instance().media_file_mgr.add(sound.wav, "audio/wav", place)
    return {"name": url, "url": url, "synthesiser": sound.synthesiser}
