"""What a tuning job is asked to do, and how it may be steered; checked once, here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from seqtutor_core.domains import DOMAINS, DomainEntry
from seqtutor_core.errors import SettingError
from seqtutor_core.learners import DEFAULT, LEARNERS, LearnerSettings
from seqtutor_core.learners.base import LEARNING_RATE
from seqtutor_core.objective import COMBINATION, SUM, check_kl_coefficient, check_weights
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
from seqtutor_core.stages import MOST_CALLS, MOST_STAGES, Stage

SEED = whole(-(2**63), 2**63 - 1)
PRESETS = ("default", "expensive", "paper")


def learner_settings(
    domain: str, learner: str = DEFAULT, preset: str = "default", overrides: Mapping[str, Any] | None = None
) -> LearnerSettings:
    """Return a learner's settings: its own of the preset, the domain's for it over these, and overrides over both.

    Raises SettingError for a setting that the learner does not have, and for a preset that it does not have.
    """
    if preset not in LEARNERS[learner].presets:
        able = [name for name, each in LEARNERS.items() if preset in each.presets]
        why = {
            "paper": f"holds what was published, and {learner} is not in the paper",
            "expensive": f"learns from the best of all that was evaluated, and {learner} does not",
        }
        raise SettingError(
            f"the preset {preset} {why[preset]}; choose the preset default, or one of the learners {', '.join(able)}"
        )
    own = LEARNERS[learner].presets[preset]
    of_domain = (DOMAINS[domain].learner_defaults() if domain in DOMAINS else {}).get(preset, {}).get(learner, {})
    return made(type(own), {**vars(own), **of_domain, **(overrides or {})}, f"{learner} setting")


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
    kl_coefficient: float = None  # type: ignore[assignment]  # never None once it is made
    """c: larger stays nearer the prior. Left out: the domain's."""
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
    """Settings of the learner that differ from the preset."""
    primer: tuple[int, ...] = ()
    """Tokens that every sequence continues."""
    device: str = "auto"
    seed: int = 0
    combination: str = SUM
    """How the weighted terms make one reward: weighted_sum or geometric_mean."""
    calls: int | None = None
    """Budget in calls instead of seconds: evaluations of the reward, of distinct and valid sequences."""
    stages: tuple[Stage, ...] = ()
    """Objectives that come first, in order; then the weights and c above."""

    def __post_init__(self) -> None:
        check(self, domain=text, prior=text, learner=one_of(*LEARNERS), preset=one_of(*PRESETS))
        check(self, device=one_of("auto", "cpu", "cuda"))
        check_weights(self.weights)
        check(self, combination=COMBINATION, settings=by_name(anything), overrides=by_name(anything))
        check(self, stages=several(lambda _, stage: Stage.of(stage), MOST_STAGES))
        check(self, warm_start=flag, stop_on_collapse=flag)
        check(
            self,
            updates=optional(whole(1, MOST_UPDATES)),
            calls=optional(whole(1, MOST_CALLS)),
            seed=SEED,
            primer=several(whole(0, 10_000), 1000),
        )
        if vars(self)["kl_coefficient"] is None:
            usual = DOMAINS.get(self.domain, DomainEntry).kl_coefficient
            object.__setattr__(self, "kl_coefficient", usual)
        check_kl_coefficient(self.kl_coefficient)
        if self.kl_budget is not None:
            check_kl_budget(self.kl_budget)
        check_seconds(self.seconds)
        learner = self.learner_settings  # checks the overrides
        if self.calls is not None and self.calls < learner.batch:
            raise SettingError(
                f"a budget of {self.calls} calls is less than one batch of {learner.batch} sequences; "
                f"choose at least {learner.batch}, or a smaller batch"
            )
        if self.warm_start and learner.memory:
            raise SettingError("a warm start learns from each rollout once; choose it or a memory of the best")
        if self.warm_start and self.sampling_primer is None:
            raise SettingError("a warm start needs sequences that begin alike; choose the preset default, or a primer")

    @property
    def learner_settings(self) -> LearnerSettings:
        """The learner's settings, defaults filled in."""
        return learner_settings(self.domain, self.learner, self.preset, self.overrides)

    @property
    def sampling_primer(self) -> tuple[int, ...] | None:
        """What the run's sequences begin after; None: one random note each."""
        return None if self.learner_settings.random_primer and not self.primer else self.primer


def check_kl_budget(nats: float) -> None:
    """Raise SettingError unless a KL budget is positive, finite and at most 1,000 nats a sequence."""
    if not is_number(nats, 0, LARGEST_KL_BUDGET) or not nats:
        raise SettingError(
            f"a KL budget of {shown(nats)} nats a sequence is not possible; "
            f"choose more than 0, up to {LARGEST_KL_BUDGET:g} (8 is usual), or leave it out"
        )


def check_seconds(seconds: float) -> None:
    """Raise SettingError unless a budget is a number of seconds above 0, up to a day."""
    if not is_number(seconds, 0, LARGEST_BUDGET) or not seconds:
        raise SettingError(f"a budget of {shown(seconds)} seconds is not possible; choose more than 0, up to a day")


def check_rewarding(weights: Mapping[str, float]) -> None:
    """Raise SettingError when there is nothing to learn."""
    if not any(weights.values()):
        raise SettingError("every weight is 0, so there is nothing to learn; raise at least one")


@dataclass(frozen=True)
class Change:
    """What somebody did to a living run; None: left as it was."""

    weights: Mapping[str, float] | None = None
    combination: str | None = None
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
            combination=optional(COMBINATION),
            kl_budget=optional(number(0, LARGEST_KL_BUDGET)),
            learning_rate=optional(LEARNING_RATE),
            pause=optional(flag),
            stop=flag,
        )


Controls = Callable[[], Sequence[Change]]
"""Polled between updates; returns what is new since the last call."""


def resolve_device(name: str) -> torch.device:
    """Return the device of that name; auto: CUDA when there is one, else the CPU. SettingError where it is missing."""
    if name not in ("auto", "cpu", "cuda"):
        raise SettingError(f"no device named {shown(name)}; choose auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise SettingError("this machine has no CUDA device that torch can use; choose cpu or auto")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
