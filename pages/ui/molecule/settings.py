"""What is set on the molecule page alone: target, substructures, desirabilities, the beginning to grow from.

A field that cannot be read says so below itself and counts as empty for what the page shows; a run does not start
until it is mended.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import streamlit as st

from pages.ui import own, state
from pages.ui.studio import Studio
from seqtutor_core.chemistry import remote
from seqtutor_core.chemistry.formula import parse_formula
from seqtutor_core.chemistry.inputs import InputMolecule
from seqtutor_core.chemistry.property_query import CATALOGUES as ALL_CATALOGUES
from seqtutor_core.chemistry.property_query import FINGERPRINTS, LARGEST
from seqtutor_core.chemistry.tokens import TOKENS, SmilesTokens
from seqtutor_core.config import TuningConfig
from seqtutor_core.domains.molecule import Molecule, MoleculeSettings
from seqtutor_core.domains.molecule.desirability import DEFAULT_DESIRABILITIES, Desirability
from seqtutor_core.domains.own import OWN
from seqtutor_core.errors import InputError, SeqTutorError, SettingError
from seqtutor_core.text import lines

CORPUS = "corpus"  # of MoleculeSettings; the prior brings it
TARGET, PREFIX, CATALOGUES, BUCKET = "target", "prefix", "catalogues", "bucket"
REQUIRED, FORBIDDEN = "required_smarts", "forbidden_smarts"  # without _smarts they are sliders
MORE_TARGETS, TARGET_2, FORMULA, ELEMENT = "more_targets", "targets_2", "formula", "element"
KINDS, OVER = ("fingerprint", "fingerprint_2"), ("over_targets", "over_targets_2")  # as MoleculeSettings has them
KIND, LOW, HIGH, SOFT = "kind", "low", "high", "soft"


def desirability_key(term: str, part: str) -> str:
    """Return the name of one part of a term's desirability: its KIND, LOW, HIGH or SOFT."""
    return f"{term}_{part}"


def desirability_values(by_term: Mapping[str, Desirability]) -> dict[str, Any]:
    """Return desirabilities by term as settings of this page."""
    return {
        desirability_key(term, part): getattr(desirability, part)
        for term, desirability in by_term.items()
        for part in (KIND, LOW, HIGH, SOFT)
    }


DEFAULTS: dict[str, Any] = {
    TARGET: "",
    **dict.fromkeys((MORE_TARGETS, TARGET_2, FORMULA), ""),
    **dict.fromkeys(KINDS, FINGERPRINTS[0]),
    **dict.fromkeys(OVER, LARGEST),
    ELEMENT: "F",
    **own.DEFAULTS,
    PREFIX: "",
    CATALOGUES: list(ALL_CATALOGUES),
    BUCKET: MoleculeSettings().bucket,
    REQUIRED: "",
    FORBIDDEN: "",
    **desirability_values(DEFAULT_DESIRABILITIES),
}


# ---------------------------------------------------------------- reading the fields


def tokens(studio: Studio) -> SmilesTokens:
    """Return what the chosen prior writes, with the corpus that it learned from."""
    return _tokens(state.value(studio, state.PRIOR))


@st.cache_resource(max_entries=16, show_spinner=False)
def _tokens(prior: str) -> SmilesTokens:
    return TOKENS[MoleculeSettings.of(state.prior_settings(prior)).corpus]


def target_molecule(studio: Studio) -> InputMolecule | None:
    """Return the molecule to resemble, None without one; InputError for a text that is not a molecule."""
    text = state.value(studio, TARGET)
    return remote.molecule(text, tokens(studio).corpus) if text.strip() else None


def _targets(studio: Studio) -> tuple[str, ...]:
    target = target_molecule(studio)
    return (*([target.smiles] if target else ()), *_molecules(studio, MORE_TARGETS))


def _molecules(studio: Studio, name: str) -> tuple[str, ...]:
    """Return the SMILES of a field with one a line; InputError for one that is not a molecule."""
    given = (line for line in lines(state.value(studio, name)) if line.strip())
    return tuple(remote.molecule(line, tokens(studio).corpus).smiles for line in given)


def _formula(text: str) -> str:
    parse_formula(text.strip())
    return text.strip()


def _prefix(studio: Studio) -> str:
    text = state.value(studio, PREFIX).strip()
    if text:
        remote.prefix(text, tokens(studio).corpus)
    return text


def desirability(studio: Studio, term: str) -> Desirability:
    """Return a term's desirability as it is set; SettingError for one that is upside down."""
    parts = {part: state.value(studio, desirability_key(term, part)) for part in (KIND, LOW, HIGH, SOFT)}
    if None in parts.values():
        raise SettingError("a bound of this range is empty; type a number")
    return Desirability(**parts)


def _plain(desirability: Desirability) -> dict[str, Any]:
    """Return it as JSON values."""
    return {part: getattr(desirability, part) for part in (KIND, LOW, HIGH, SOFT)}


READERS: dict[str, tuple[str, Callable[[Studio], Any]]] = {
    "target": ("Target", _targets),
    "required": ("Substructures to keep", lambda studio: remote.smarts(state.value(studio, REQUIRED))),
    "forbidden": ("Substructures to avoid", lambda studio: remote.smarts(state.value(studio, FORBIDDEN))),
    "catalogues": ("Alerts", lambda studio: tuple(state.value(studio, CATALOGUES))),
    "bucket": ("Scaffold memory", lambda studio: int(state.value(studio, BUCKET))),
    "prefix": ("Beginning", _prefix),
    "formula": ("Formula", lambda studio: _formula(state.value(studio, FORMULA))),
    "element": ("Element", lambda studio: state.value(studio, ELEMENT).strip() or "F"),
    "target_2": ("Second target", lambda studio: _molecules(studio, TARGET_2)),
    **{name: (name, partial(state.value, name=name)) for name in (*KINDS, *OVER)},
    CORPUS: ("Prior", lambda studio: tokens(studio).corpus),
}
"""Setting of MoleculeSettings -> what its field is called, and how it is read."""


def settings(studio: Studio) -> dict[str, Any]:
    """Return all settings as JSON values, for a run; InputError or SettingError names the field that cannot be read."""
    values: dict[str, Any] = {}
    for name, (label, read) in READERS.items():
        try:
            values[name] = read(studio)
        except InputError as error:
            raise InputError(f"{label}: {error}") from None
    shapes = {}
    for term in studio.terms:
        if term.name in DEFAULT_DESIRABILITIES:
            try:
                shapes[term.name] = _plain(desirability(studio, term.name))
            except SettingError as error:
                raise SettingError(f"{term.label}: {error}") from None
    values |= {"shapes": shapes, **own.files(studio)}
    Molecule(MoleculeSettings.of(values)).set_active_terms(state.weights(studio))
    return values


def valid_settings(studio: Studio) -> dict[str, Any]:
    """Return the settings without fields that cannot be read, for what the page shows meanwhile."""
    values: dict[str, Any] = {}
    for name, (_, read) in READERS.items():
        with suppress(SeqTutorError):
            values[name] = read(studio)
    shapes = {}
    for term in DEFAULT_DESIRABILITIES:
        with suppress(SeqTutorError):
            shapes[term] = _plain(desirability(studio, term))
    return {**values, "shapes": shapes, **own.files(studio)}


def objective_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings, desirabilities that `values` leaves out included: rewards depend on each."""
    chosen = MoleculeSettings.of(values)
    shapes = {term: _plain(one) for term in DEFAULT_DESIRABILITIES if (one := chosen.desirability(term))}
    return {**vars(chosen), "shapes": shapes}


def reused(studio: Studio, config: TuningConfig) -> dict[str, Any]:
    """Return the page's values for the settings of a run."""
    chosen = MoleculeSettings.of(config.settings)
    return {
        TARGET: chosen.target[0] if chosen.target else "",
        MORE_TARGETS: "\n".join(chosen.target[1:]),
        TARGET_2: "\n".join(chosen.target_2),
        **{name: getattr(chosen, name) for name in (*KINDS, *OVER, FORMULA, ELEMENT)},
        **{own.file_key(term): getattr(chosen, term) for term in OWN},
        REQUIRED: "\n".join(chosen.required),
        FORBIDDEN: "\n".join(chosen.forbidden),
        CATALOGUES: list(chosen.catalogues),
        BUCKET: chosen.bucket,
        PREFIX: chosen.prefix,
        **desirability_values({**DEFAULT_DESIRABILITIES, **chosen.shapes}),
    }


def complaint(studio: Studio, name: str) -> str:
    """Return what is wrong with a field of READERS; empty when it can be read."""
    try:
        READERS[name][1](studio)
    except SeqTutorError as error:
        return str(error)
    return ""


def sampling_settings(studio: Studio) -> dict[str, Any]:
    """Return the settings that a draw depends on."""
    prefix = "" if complaint(studio, PREFIX) else state.value(studio, PREFIX).strip()
    return {"prefix": prefix, CORPUS: tokens(studio).corpus}
