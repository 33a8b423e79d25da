"""What compared runs write, a column each, drawn with one seed; melodies play in one player below."""

from collections.abc import Sequence

import streamlit as st

from pages.ui.melody.cards import drawing
from pages.ui.melody.player import Track, piano_rolls
from pages.ui.runs.compared import Compared, curves
from pages.ui.sampling import draw_as_tuned, has_policy
from pages.ui.text import literal
from seqtutor_core.chemistry import remote
from seqtutor_core.domains import build_domain
from seqtutor_core.domains.melody import Melody, presentation
from seqtutor_core.domains.melody.audio import sound
from seqtutor_core.domains.molecule import Molecule, MoleculeSettings
from seqtutor_core.domains.molecule.scored_molecules import smiles_of
from seqtutor_core.errors import MissingPartError, SeqTutorError
from seqtutor_core.runs.store import open_run

EACH = 3  # samples of a run
COLUMNS = 4  # at least, so that the samples of a single run are no larger than they need be
SHORT = 18  # characters of a label above a column: one line, so that the columns stay level
WIDTH, HEIGHT = 200, 140  # of a molecule's drawing
_SEED, _PICKED, _PLAYS = "_runs_seed", "_runs_picked", "_runs_plays"

Place = tuple[str, int]
"""A run's id, and which of its samples."""


def panel(runs: Sequence[Compared]) -> None:
    """Draw a column of samples for each run, and the player if there are melodies among them."""
    st.button("Draw others", key="runs-redraw", icon=":material/casino:", on_click=_next, help="All from one new seed")
    melodies: dict[Place, tuple[Compared, list[int]]] = {}
    for column, one in zip(st.columns(max(len(runs), COLUMNS)), runs, strict=False):
        with column:
            st.markdown(f"**{literal(one.label if len(one.label) <= SHORT else f'{one.label[:SHORT]}…')}**")
            try:
                melodies |= _column(one)
            except SeqTutorError as error:
                st.caption(literal(error))
    if melodies:
        _player(melodies)


def _column(one: Compared) -> dict[Place, tuple[Compared, list[int]]]:
    """Draw the samples of a run; return those that can be played."""
    run = open_run(one.run.id)
    if has_policy(run):
        tokens = draw_as_tuned(run, EACH, st.session_state.get(_SEED, 0))
    else:
        tokens = [each for moment in run.samples()[-1:] for each in moment.sequences][:EACH]
    if not tokens:
        st.caption("It has written nothing yet.")
    if run.config.domain != "melody":
        _molecules(Molecule(MoleculeSettings.of(run.config.settings)), tokens)
        return {}
    for i, each in enumerate(tokens):
        name = f"{one.mark}.{i + 1}"
        st.image(drawing(each), alt=f"Melody {name} as notes", width="stretch")
        st.button(
            f"Play {name}",
            key=f"runs-play-{name}",
            icon=":material/play_circle:",
            on_click=_play,
            args=((run.id, i),),
            width="stretch",
        )
    return {(run.id, i): (one, each) for i, each in enumerate(tokens)}


def _molecules(domain: Molecule, tokens: Sequence[Sequence[int]]) -> None:
    for smiles in smiles_of(domain, tokens):
        try:
            st.image(remote.drawing(smiles, WIDTH, HEIGHT), alt=smiles, width="stretch")
        except MissingPartError:
            st.caption(literal(smiles))
        except SeqTutorError:
            st.caption(f"No molecule: {literal(smiles)}")


def _player(melodies: dict[Place, tuple[Compared, list[int]]]) -> None:
    """Draw the picked melody, else the first, with its run's account and tempo."""
    place = st.session_state.get(_PICKED)
    place = place if place in melodies else next(iter(melodies))
    one, tokens = melodies[place]
    config = open_run(one.run.id).config
    domain = build_domain(config.domain, config.settings)
    assert isinstance(domain, Melody)
    title = f"{one.mark}.{place[1] + 1} {one.run.name}"
    roll = presentation.roll(domain, tokens, config.primer, curves(one).weights)
    heard = sound(presentation.piece(domain, tokens, config.primer, title))
    piano_rolls([Track(one.mark, title, roll, heard, play=st.session_state.get(_PLAYS, 0))], key="runs-player")


def _play(place: Place) -> None:
    st.session_state[_PICKED] = place
    st.session_state[_PLAYS] = st.session_state.get(_PLAYS, 0) + 1


def _next() -> None:
    st.session_state[_SEED] = st.session_state.get(_SEED, 0) + 1
