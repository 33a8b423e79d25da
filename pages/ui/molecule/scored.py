"""The molecules that the page shows, with what they earn under its settings."""

from collections.abc import Sequence

import streamlit as st

from pages.ui import state
from pages.ui.molecule.settings import valid_settings
from pages.ui.sampling import draw, has_policy
from pages.ui.studio import Studio
from seqtutor_core.domains.molecule import Molecule, MoleculeSettings
from seqtutor_core.domains.molecule.studio import Found, examine, smiles_of
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.runs import store

PRIOR, TUNED, BEST = "Prior", "Tuned", "Best so far"
SET = 256  # molecules that distributions and grid are over
_LOOK = "_look"


def molecule(studio: Studio) -> Molecule:
    """The domain under the settings of the page, as far as they can be read."""
    return Molecule(MoleculeSettings.of(valid_settings(studio)))


def examined(studio: Studio, smiles: Sequence[str]) -> list[Found]:
    """Molecules measured, and weighed by the sliders."""
    return examine(molecule(studio), smiles, state.weights(studio))


def drawn(studio: Studio, run: store.Run | None, n: int, seed: int) -> list[Found]:
    """n molecules of the run's policy, or of the prior."""
    return examined(studio, smiles_of(molecule(studio), draw(studio, run, n, seed)))


def best(studio: Studio, run: store.Run, n: int | None = None) -> list[Found]:
    """The best molecules of a run so far, as the page's settings weigh them, the best first."""
    grown = Molecule(MoleculeSettings(prefix=run.config.settings.get("prefix", "")))  # the run's, not the page's
    found = examined(studio, smiles_of(grown, [entry.tokens for entry in run.best()]))
    unique = {one.smiles: one for one in found}  # one molecule can be written in several ways
    return sorted(unique.values(), key=lambda one: -one.reward)[:n]


def sources(run: store.Run | None) -> list[str]:
    """Where molecules can be taken from."""
    tuned = run is not None and has_policy(run)
    return [PRIOR, *([TUNED] if tuned else []), *([BEST] if run and _has_best(run) else [])]


def _has_best(run: store.Run) -> bool:
    """Whether there are any; a damaged board has none, which the panel of the run says."""
    try:
        return bool(run.best())
    except SeqTutorError:
        return False


def taken(studio: Studio, source: str, run: store.Run | None) -> list[Found]:
    """The molecules of a source; those of the prior and of the policy are drawn with one seed."""
    if source == BEST and run:
        return best(studio, run)
    seed = 1000 + state.draw_seed(studio, state.SET)
    return drawn(studio, run if source == TUNED else None, SET, seed)


# ---------------------------------------------------------------- the closer look


def looked_at() -> str:
    """The SMILES that is looked at closely; empty for none."""
    return st.session_state.get(_LOOK, "")


def look_at(smiles: str = "") -> None:
    """Look closely at a molecule, or at none."""
    st.session_state[_LOOK] = smiles
