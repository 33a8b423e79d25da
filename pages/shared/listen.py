"""Prior against tuned, same seed, side by side; or one melody chosen from a gallery."""

import streamlit as st

from pages.shared import state
from pages.shared.frame import told
from pages.shared.player import Take, piano_rolls
from seqtutor_core.domains.melody import Melody, MelodySettings, studio
from seqtutor_core.domains.melody.audio import Piece, midi, musicxml, sound, synthesiser_available
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.evaluation import rollouts
from seqtutor_core.network import RecurrentNetwork
from seqtutor_core.runs import store


def panel(run: store.Run | None) -> None:
    """The player with its melody or melodies."""
    melody = state.melody()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("##### Listen")
        st.button(
            "Another pair",
            key="another",
            icon=":material/casino:",
            on_click=_next_pair,
            help="The prior and the tuned policy draw again, both from one new seed",
        )
        if state.picked():
            st.button("Back to the pair", key="unpick", on_click=state.pick)
    with st.container(), told():  # always there: a player that changes its place on the page would stop
        pieces = _pieces(melody, run)
        piano_rolls([_take(melody, piece) for piece in pieces], key="listen")
        downloads(pieces[-1], "listen")
    missing = synthesiser_available().remedy
    if missing:
        st.caption(missing)


def _next_pair() -> None:
    state.pick()
    st.session_state[state.LISTEN_SEED] = st.session_state.get(state.LISTEN_SEED, 0) + 1


def _pieces(melody: Melody, run: store.Run | None) -> list[Piece]:
    """The chosen melody; else the prior's, with the tuned one once there is a policy."""
    primer = state.primer().tokens
    if chosen := state.picked():
        return [studio.piece(melody, chosen[1], primer, chosen[0])]
    seed = st.session_state.get(state.LISTEN_SEED, 0)
    pieces = [studio.piece(melody, draw(melody, None, 1, seed)[0], primer, "Prior")]
    if run and has_policy(run):
        pieces.append(studio.piece(melody, draw(melody, run, 1, seed)[0], primer, "Tuned"))
    return pieces


def has_policy(run: store.Run) -> bool:
    """Whether there is a tuned policy to hear; the worker writes the first after two seconds."""
    return (run.folder / "policy.safetensors").exists()


def _take(melody: Melody, piece: Piece) -> Take:
    roll = studio.roll(melody, piece.tokens, piece.primer, state.weights())
    return Take(roll, sound(piece), piece.title)


def draw(melody: Melody, run: store.Run | None, n: int, seed: int) -> list[list[int]]:
    """n melodies from the run's policy, or from the prior; the same seed gives the same draw."""
    prior = run.config.prior if run else state.value(state.PRIOR)
    tuned = (run.id, (run.folder / "policy.safetensors").stat().st_mtime_ns) if run else None
    primer = state.primer().tokens or (run.config.sampling_primer if run else ())
    return _draw(prior, tuned, melody.length, melody.period, n, seed, primer)


@st.cache_data(max_entries=64, show_spinner=False)
def _draw(
    prior: str,
    tuned: tuple[str, int] | None,
    length: int,
    bar: int,
    n: int,
    seed: int,
    primer: tuple[int, ...] | None,
) -> list[list[int]]:
    """The draw, kept for when only a slider has moved. `tuned` is a run and when its policy was written."""
    melody = Melody(MelodySettings(length=length, bar=bar))
    policy = _policy(*tuned) if tuned else None
    learner = store.open_run(tuned[0]).config.learner if tuned else None
    found = rollouts(melody, state.prior(prior).network, policy, learner, n, seed, primer)
    return [tokens for rollout in found for tokens in rollout.tokens.tolist()]


@st.cache_resource(max_entries=8, show_spinner=False)
def _policy(run_id: str, written: int) -> RecurrentNetwork:
    """A run's policy as of a moment; loaded again when the worker has written a newer one."""
    return store.load_policy(store.open_run(run_id))


def downloads(piece: Piece, key: str) -> None:
    """MIDI, WAV and MusicXML of one melody, made when asked for."""
    name = piece.title.lower().replace(" ", "-")
    formats = (
        ("MIDI", "mid", "audio/midi", lambda: midi(piece)),
        ("WAV", "wav", "audio/wav", lambda: sound(piece).wav),
        ("MusicXML", "musicxml", "application/vnd.recordare.musicxml+xml", lambda: _or_nothing(piece)),
    )
    with st.container(horizontal=True):
        for label, ending, kind, make in formats:
            st.download_button(
                f"{label} of {piece.title}",
                make,
                f"{name}.{ending}",
                kind,
                key=f"{key}-{ending}",
                icon=":material/download:",
                on_click="ignore",
            )


def _or_nothing(piece: Piece) -> bytes:
    """MusicXML, or its error as the file's text: a download cannot show a message."""
    try:
        return musicxml(piece)
    except SeqTutorError as error:
        return str(error).encode()
