"""The molecules that the page shows, scored under its settings."""

from collections.abc import Sequence
from typing import Any, cast

import streamlit as st

from pages.ui import previews
from pages.ui.molecule.settings import CORPUS, valid_settings
from pages.ui.previews import BY_OBJECTIVE, PreviewRequest, preview_request
from pages.ui.sampling import draw, has_policy
from pages.ui.studio import Studio
from seqtutor_core import kept
from seqtutor_core.domains.molecule import Molecule, MoleculeSettings
from seqtutor_core.domains.molecule.scored_molecules import ScoredMolecule, score_molecules, smiles_of
from seqtutor_core.preview import PARTICLES
from seqtutor_core.runs import store

PRIOR, PREVIEW, TUNED, BEST, KEPT = "A Prior", "B Preview", "C Tuned", "Best so far", "★ Kept"
SOURCES = {PRIOR: "A", PREVIEW: "B", TUNED: "C", BEST: "Best", KEPT: "Kept"}
"""Where molecules come from -> how a row of them is called."""
ON_A_CARD = frozenset({"qed", "log_p"})
"""What a card says besides the reward; whatever else can be measured waits until it is looked at."""
SET = PARTICLES  # molecules drawn from prior and policy; the prior's are those that the preview weighs


def molecule(studio: Studio, run: store.Run | None = None) -> Molecule:
    """Return the domain under the settings of the page, as far as they can be read, in the tokens of a run if given."""
    return Molecule(MoleculeSettings.of({**valid_settings(studio), **(_of_run(run, CORPUS) if run else {})}))


def domain_of(request: PreviewRequest) -> Molecule:
    """Return the domain of a request, with all of its settings that change molecules or rewards."""
    return cast(Molecule, request.objective.domain)


def _of_run(run: store.Run, *names: str) -> dict[str, Any]:
    """Return some settings of a run, as far as it has them."""
    return {name: run.config.settings[name] for name in names if name in run.config.settings}


def score_smiles(studio: Studio, smiles: Sequence[str]) -> list[ScoredMolecule]:
    """Return molecules measured and scored with the sliders' weights."""
    return score_molecules(preview_request(studio).objective, smiles)


def drawn(
    studio: Studio, run: store.Run | None, n: int, properties: frozenset[str] | None = None
) -> list[ScoredMolecule]:
    """Return n molecules of a run's policy, or of the prior: from one seed, so that they differ where policies do.

    properties: see score_molecules.
    """
    request = preview_request(studio)
    tokens = draw(studio, run, n, request.draw.seed)
    writes = molecule(studio, run) if run else domain_of(request)
    return score_molecules(request.objective, smiles_of(writes, tokens), properties)


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=BY_OBJECTIVE)
def of_prior(request: PreviewRequest, properties: frozenset[str] | None = None) -> list[ScoredMolecule]:
    """Return SET molecules of the prior, which are those that the preview weighs."""
    smiles = smiles_of(domain_of(request), previews.prior_rollout(request.draw).tokens.tolist())
    return score_molecules(request.objective, smiles, properties)


def of_preview(request: PreviewRequest, properties: frozenset[str] | None = None) -> list[ScoredMolecule]:
    """Return SET molecules of the preview: the prior's, drawn by their weights, so that heavy ones come again.

    SettingError for a weight that cannot count yet.
    """
    rows = previews.previewed(request).rows
    molecules = of_prior(request, properties)
    return [molecules[row] for row in rows.tolist()]


def best(studio: Studio, run: store.Run) -> list[ScoredMolecule]:
    """Return the best molecules of a run so far, as the page's settings weigh them, the best first."""
    grown = Molecule(MoleculeSettings.of(_of_run(run, "prefix", CORPUS)))  # the run's, not the page's
    molecules = score_smiles(studio, smiles_of(grown, [entry.tokens for entry in run.top_sequences()]))
    unique = {one.smiles: one for one in molecules}  # one molecule can be written in several ways
    return sorted(unique.values(), key=lambda one: -one.reward)


def kept_smiles(studio: Studio) -> dict[str, str]:
    """Return the kept molecules' SMILES, the newest first, each with the id under which it is kept."""
    entries = ((one.content.get("smiles"), one.id) for one in kept.all_kept(studio.domain))
    return {smiles: id for smiles, id in entries if isinstance(smiles, str)}


def of_source(studio: Studio, source: str, run: store.Run | None) -> list[ScoredMolecule]:
    """Return the molecules of a source, each once; none where the source is still empty."""
    if source == PRIOR:
        molecules = of_prior(preview_request(studio))
    elif source == PREVIEW:
        molecules = of_preview(preview_request(studio))
    elif source == TUNED:
        molecules = drawn(studio, run, SET) if run and has_policy(run) else []
    elif source == BEST:
        molecules = best(studio, run) if run else []
    else:
        molecules = score_smiles(studio, list(kept_smiles(studio)))
    return list({one.smiles: one for one in molecules}.values())
