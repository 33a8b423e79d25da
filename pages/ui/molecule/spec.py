"""What the molecule page has of its own, for the parts that know no domain."""

import math

from pages.ui import state
from pages.ui.molecule import constraints, settings
from pages.ui.molecule.desirability import beside
from pages.ui.studio import HELP, RewardPreset, Studio
from seqtutor_core.config import learner_settings
from seqtutor_core.domains import DOMAINS
from seqtutor_core.domains.molecule.desirability import DEFAULT_DESIRABILITIES, MEAN_DESIRABILITIES, Desirability
from seqtutor_core.domains.molecule.terms import PAPER_WEIGHTS, TERMS

HONEST = {"validity": 20.0, "carbon_chain": 20.0, "too_short": 20.0}
ORAL = {
    "log_p": Desirability("range", 1.0, 4.0, 1.0),
    "molecular_weight": Desirability("range", 250.0, 450.0, 50.0),
    "tpsa": Desirability("range", 40.0, 120.0, 30.0),
    "h_bond_donors": Desirability("lower", 3.0, 6.0),
    "rotatable_bonds": Desirability("lower", 7.0, 12.0),
}
BRAIN = {
    "log_p": Desirability("range", 2.0, 4.0, 1.0),
    "molecular_weight": Desirability("range", 200.0, 360.0, 100.0),
    "tpsa": Desirability("range", 40.0, 90.0, 20.0),
    "h_bond_donors": Desirability("lower", 1.0, 3.0),
}


def _ranges(text: str, desirabilities: dict[str, Desirability], **more: float) -> RewardPreset:
    """Return a preset that rewards properties within ranges, all with one weight."""
    weights = {**HONEST, **dict.fromkeys(desirabilities, 10.0), **more}
    return RewardPreset(text, weights, settings.desirability_values({**DEFAULT_DESIRABILITIES, **desirabilities}))


PAPER_NOTE = (  # docs/results.md, "The preset Paper"
    "**As published:** G, c = 2.8 (rewards times 0.35), a prior of 100 units. After 100 updates, about two minutes on "
    "two cores, expect 96 % valid molecules instead of 80 %, QED 0.86, log P 2.9 and 3.7 nats of KL. Psi needs far "
    "more updates: after as many, 21 % are valid."
)
RAW = settings.desirability_values(DEFAULT_DESIRABILITIES)
REWARD_PRESETS = {
    "Drug-like": RewardPreset("A high QED, easy to make", {t.name: t.default for t in TERMS}, RAW),
    "Paper's rewards": RewardPreset("The authors' rewards: log P, QED, accessibility, rings", PAPER_WEIGHTS, RAW),
    "Oral": _ranges("Properties of drugs that are swallowed", ORAL, synthetic_accessibility=2.0, alerts=5.0),
    "Brain": _ranges("Small, greasy and not too polar, as what enters the brain", BRAIN, synthetic_accessibility=2.0),
    "All off": RewardPreset("Every weight 0, to start from nothing", {}, {}),
    "Paper": RewardPreset(
        "All as the authors' scripts have it: rewards, c, G with its rules, a prior of 100 units",
        PAPER_WEIGHTS,
        {**RAW, **state.published("molecule", "g", 2.8)},
        PAPER_NOTE,
    ),
}


MOLECULE = Studio(
    domain="molecule",
    prefix="mol_",
    one="molecule",
    many="molecules",
    defaults={
        **state.DEFAULTS,
        state.PRIOR: "molecule",
        state.KL: DOMAINS["molecule"].kl_coefficient,
        state.SECONDS: 120,
        state.LEARNING_RATE: learner_settings("molecule").learning_rate,
        **settings.DEFAULTS,
        **{t.name: t.default for t in TERMS},
    },
    reward_presets=REWARD_PRESETS,
    kl_words=(
        (0.3, "almost only the rewards count; molecules grow alike"),
        (0.6, "rewards first, the training molecules still recognisable"),
        (2.5, "a balance: better molecules that stay varied"),
        (6, "close to the training molecules, a little better"),
        (math.inf, "hardly moves from the training molecules"),
    ),
    budgets=(10, 20, 30, 60, 120, 300, 600, 1800),
    invitation="No run yet: set what should be better, then start. Two minutes are enough to see a difference.",
    help=HELP.format(
        moved="",
        right="Click a molecule to look at it closely, at the right, beside curves, properties and earlier runs.",
        keys="",
    ),
    settings=settings.settings,
    valid_settings=settings.valid_settings,
    objective_settings=settings.objective_settings,
    sampling_settings=settings.sampling_settings,
    primer=lambda studio: (),
    reused=settings.reused,
    more_controls=constraints.controls,
    beside=beside,
    shapes=lambda terms: settings.desirability_values({t.name: MEAN_DESIRABILITIES[t.name] for t in terms}),
)
