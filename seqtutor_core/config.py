"""What a tuning job is asked to do, and how it may be steered; checked once, here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from seqtutor_core.domains import DOMAINS, DomainEntry
from seqtutor_core.errors import SettingError
from seqtutor_core.learners import DEFAULT, LEARNERS, PUBLISHED
from seqtutor_core.objective import check_kl_coefficient, check_weights
from seqtutor_core.rules import (
    anything,
    by_name,
    check,
    flag,
    is_number,
    made,
    number,
    one_of,
    optional,
    several,
    shown,
    text,
    whole,
)

LARGEST_ANNEAL = 100.0
LARGEST_BATCH, LARGEST_REPLAY = 100_000, 100_000_000  # sequences, tokens
SHARE, LEARNING_RATE = number(0, 1), number(1e-9, 1)  # a lower rate moves no float32
SEED = whole(-(2**63), 2**63 - 1)


@dataclass(frozen=True)
class LearnerSettings:
    """How a learner learns; the field defaults are the `default` preset."""

    gamma: float = 1.0
    """Discount. Only 1 has the KL optimum as its fixed point."""
    trace: float = 0.95
    """How much of the sampled future a target uses: 0 one step, 1 all of it."""
    target_rate: float = 0.1
    """Share of the way the target network moves to the online one at each update; 1: they are the same."""
    raw: bool = False
    """Use raw outputs as values, as published, instead of a value head plus log-probabilities."""
    published_start: bool = False
    """G only: begin as the prior squared, as published."""
    learning_rate: float = 4e-3
    """At the start; it falls to a twentieth along the budget."""
    batch: int = 256
    """Sequences sampled at a time."""
    minibatch: int = 256
    """Sequences in an update, half of them the newest; rloo takes the rollout as it is."""
    updates: int = 1
    """Updates after each rollout; rloo makes one."""
    replay_steps: int = 131_072
    """Tokens the replay memory holds."""
    random_primer: bool = False
    """Begin each sequence after one random note that does not count, as published."""
    argmax: bool = False
    """Act by the likeliest action with falling exploration instead of sampling."""
    anneal: float = 1.0
    """How many times higher than asked the learner's c begins; it falls to c over the first half of the budget."""
    clip: float = 0.3
    """Largest norm of the gradient."""
    bfloat16: bool = False
    """Run the LSTM of an update in bfloat16 where the processor has it: three times as fast for 256 units and more."""

    def __post_init__(self) -> None:
        check(self, gamma=SHARE, trace=SHARE, target_rate=SHARE, anneal=number(1, LARGEST_ANNEAL))
        check(self, raw=flag, published_start=flag, random_primer=flag, argmax=flag, bfloat16=flag)
        check(self, batch=whole(1, LARGEST_BATCH), minibatch=whole(1, LARGEST_BATCH), updates=whole(1, 1000))
        check(self, replay_steps=whole(1, LARGEST_REPLAY), learning_rate=LEARNING_RATE, clip=number(1e-6, 1e6))


PAPER = LearnerSettings(
    gamma=0.5,
    trace=0.0,
    target_rate=0.01,
    raw=True,
    published_start=True,
    learning_rate=1e-3,
    batch=32,
    minibatch=32,
    replay_steps=100_000,
    random_primer=True,
    clip=5.0,
)
PRESETS: dict[str, LearnerSettings] = {"default": LearnerSettings(), "paper": PAPER}
BY_DOMAIN: dict[tuple[str, str], dict[str, Any]] = {
    # a molecule costs twenty times a melody, most of it in RDKit and a larger network: fewer at a time learn sooner
    ("default", "molecule"): {"batch": 128, "minibatch": 128, "learning_rate": 1e-3, "bfloat16": True},
    # the authors' scripts for molecules; no first token is random, since a SMILES cannot begin anywhere
    ("paper", "molecule"): {
        "gamma": 0.95,
        "batch": 128,
        "minibatch": 512,
        "learning_rate": 1e-4,
        "random_primer": False,
    },
}


BY_LEARNER: dict[str, dict[str, Any]] = {
    # nothing bootstraps, so no target network; and steps of twice the size: after 80 updates on melodies at c = 4,
    # J is 14.1 instead of 13.4 for trajectory balance, 14.6 instead of 14.2 for rloo; after 40 s on molecules at c = 1,
    # 49.1 instead of 48.4 and 49.0 instead of 48.1
    "trajectory_balance": {"target_rate": 1.0, "learning_rate": 8e-3},
    "rloo": {"target_rate": 1.0, "learning_rate": 8e-3},
}
BY_BOTH: dict[tuple[str, str, str], dict[str, Any]] = {
    # c from above leads past the first good loops to more variety or to better ones: docs/results.md, the learner race;
    # molecules have no such loops and only lose time by it (45 s at c = 1: J 52.8 instead of 53.3)
    ("default", "trajectory_balance", "melody"): {"anneal": 2.0},
    ("default", "rloo", "melody"): {"anneal": 2.0},
    # a correction to the prior bears larger steps than a copy of it: after 120 s at c = 1 J is 636.8 instead of 634.6
    # (the paper's rewards), 53.5 instead of 52.8 (QED); Psi gains 1.6 there and loses 0.6 here, and Q falls apart
    ("default", "g", "molecule"): {"learning_rate": 4e-3},
}
# settings that learners without values have no use for
VALUES_ONLY = frozenset({"gamma", "trace", "target_rate", "raw", "published_start", "random_primer", "argmax"})


USUAL_C = DomainEntry.kl_coefficient


def default_kl_coefficient(domain: str) -> float:
    """Return the c that a domain's page and commands begin with."""
    return DOMAINS[domain].kl_coefficient


def preset(
    name: str, domain: str, overrides: Mapping[str, Any] | None = None, learner: str = DEFAULT
) -> LearnerSettings:
    """The settings of a preset for a learner and a domain, with overrides."""
    of_domain, of_both = BY_DOMAIN.get((name, domain), {}), BY_BOTH.get((name, learner, domain), {})
    values = {**of_domain, **BY_LEARNER.get(learner, {}), **of_both, **(overrides or {})}
    return made(LearnerSettings, {**vars(PRESETS[name]), **values}, "learner setting")


LARGEST_BUDGET = 24 * 3600.0  # seconds
MOST_UPDATES = 1_000_000_000
LARGEST_KL_BUDGET = 1000.0  # nats per sequence


@dataclass(frozen=True)
class TuningConfig:
    """One tuning job; SettingError for a value that breaks its rule."""

    domain: str
    prior: str
    learner: str = DEFAULT
    preset: str = "default"
    weights: Mapping[str, float] = field(default_factory=dict)
    """Weight of each reward term by name; a term not named has weight 0."""
    kl_coefficient: float = USUAL_C
    """c: larger stays nearer the prior."""
    seconds: float = 60.0
    """Budget of learning time; pauses do not count."""
    updates: int | None = None
    """Budget in updates instead, which makes a run repeatable to the bit."""
    kl_budget: float | None = None
    """Nats per sequence that the policy may move from the prior: c then only says where to begin. None: c stays."""
    warm_start: bool = False
    """Begin by distilling samples that sequential Monte Carlo draws, then tune."""
    stop_on_collapse: bool = False
    """Stop when the policy has collapsed to a few sequences for some seconds; see runs/collapse.py."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The domain's own settings."""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """LearnerSettings fields that differ from the preset."""
    primer: tuple[int, ...] = ()
    """Tokens that every sequence continues."""
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        check(self, domain=text, prior=text, learner=one_of(*LEARNERS), preset=one_of(*PRESETS))
        check(self, device=one_of("auto", "cpu", "cuda"))
        check_weights(self.weights)
        check(self, settings=by_name(anything), overrides=by_name(anything))
        check(self, warm_start=flag, stop_on_collapse=flag)
        check(self, updates=optional(whole(1, MOST_UPDATES)), seed=SEED, primer=several(whole(0, 10_000), 1000))
        check_kl_coefficient(self.kl_coefficient)
        if self.kl_budget is not None:
            check_kl_budget(self.kl_budget)
        check_seconds(self.seconds)
        self._check_fit()

    def _check_fit(self) -> None:
        """SettingError for a preset or an override that this learner has no use for."""
        rule = self.learner_settings  # checks the overrides themselves
        if self.warm_start and self.sampling_primer is None:
            raise SettingError("a warm start needs sequences that begin alike; choose the preset default, or a primer")
        if self.learner in PUBLISHED:
            return
        if self.preset == "paper":
            raise SettingError(
                f"the preset paper holds what was published, and {self.learner} is not in the paper; "
                f"choose the preset default, or one of the learners {', '.join(PUBLISHED)}"
            )
        for name in sorted(VALUES_ONLY & set(self.overrides)):
            raise SettingError(f"{self.learner} has no {name}, which is for {', '.join(PUBLISHED)}; leave it out")
        if LEARNERS[self.learner].on_policy and rule.updates > 1:
            raise SettingError(f"{self.learner} learns from each rollout once; got updates {rule.updates}, choose 1")
        if min(rule.batch, rule.minibatch) < 2:
            raise SettingError(f"{self.learner} compares sequences; choose a batch and a minibatch of at least 2")

    @property
    def learner_settings(self) -> LearnerSettings:
        return preset(self.preset, self.domain, self.overrides, self.learner)

    @property
    def sampling_primer(self) -> tuple[int, ...] | None:
        """What the run's sequences begin after; None: one random note each."""
        return None if self.learner_settings.random_primer and not self.primer else self.primer


def check_kl_budget(nats: float) -> None:
    """SettingError unless a KL budget is positive, finite and at most 1,000 nats a sequence."""
    if not is_number(nats, 0, LARGEST_KL_BUDGET) or not nats:
        raise SettingError(
            f"a KL budget of {shown(nats)} nats a sequence is not possible; "
            f"choose more than 0, up to {LARGEST_KL_BUDGET:g} (8 is usual), or leave it out"
        )


def check_seconds(seconds: float) -> None:
    """SettingError unless a budget is a number of seconds above 0, up to a day."""
    if not is_number(seconds, 0, LARGEST_BUDGET) or not seconds:
        raise SettingError(f"a budget of {shown(seconds)} seconds is not possible; choose more than 0, up to a day")


def check_rewarding(weights: Mapping[str, float]) -> None:
    """SettingError when there is nothing to learn."""
    if not any(weights.values()):
        raise SettingError("every weight is 0, so there is nothing to learn; raise at least one")


@dataclass(frozen=True)
class Change:
    """What somebody did to a living run; None: left as it was."""

    weights: Mapping[str, float] | None = None
    kl_coefficient: float | None = None
    kl_budget: float | None = None
    """0 ends the budget; c then stays where it is."""
    learning_rate: float | None = None
    pause: bool | None = None
    stop: bool = False

    def __post_init__(self) -> None:
        if self.kl_coefficient is not None:
            check_kl_coefficient(self.kl_coefficient)
        if self.kl_budget is not None and self.kl_budget != 0:
            check_kl_budget(self.kl_budget)
        if self.weights is not None:
            check_weights(self.weights)
        check(
            self,
            kl_budget=optional(number(0, LARGEST_KL_BUDGET)),
            learning_rate=optional(LEARNING_RATE),
            pause=optional(flag),
            stop=flag,
        )


Controls = Callable[[], Sequence[Change]]
"""Polled between updates; returns what is new since the last call."""


def resolve_device(name: str) -> torch.device:
    """auto: CUDA when there is one, else the CPU; SettingError for a device this machine has not."""
    if name not in ("auto", "cpu", "cuda"):
        raise SettingError(f"no device named {shown(name)}; choose auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise SettingError("this machine has no CUDA device that torch can use; choose cpu or auto")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
