"""Signs of reward hacking or collapse, each with what to change: the usual ways to fool log P and QED."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seqtutor_core.chemistry.tokens import SmilesTokens
from seqtutor_core.domains.base import Alarm
from seqtutor_core.domains.molecule.statistics import LABELS, central_range

FEW_DISTINCT = 0.5
FALLEN = 0.1  # validity this much below its start
FEW_SCAFFOLDS = 0.1  # scaffolds per valid molecule
CHAINS = 0.1  # share of molecules with a long carbon chain
EARLY = 64  # molecules; before that the figures say little


def alarms(tokens: SmilesTokens, lines: Sequence[Mapping[str, Any]]) -> list[Alarm]:
    """Return the alarms of the newest line of a run's metrics, compared with its first and with its prior's corpus."""
    if not lines or lines[-1]["figures"]["recent"] < EARLY:
        return []
    figures = lines[-1]["figures"]
    first = {**figures, **lines[0].get("figures", {})}  # lines of other versions have fewer
    return [
        *_narrowing(figures, first["valid"], lines[-1]["distinct"]),
        *_tricks(figures),
        *_beyond(tokens, figures),
    ]


def _narrowing(figures: Mapping[str, float], valid_at_first: float, distinct: float) -> Iterator[Alarm]:
    """Yield an alarm where molecules get fewer: valid ones, distinct ones, scaffolds."""
    if figures["valid"] < valid_at_first - FALLEN:
        yield Alarm(
            f"Validity fell from {valid_at_first:.0%} to {figures['valid']:.0%}",
            "Raise the weight of Valid, or raise the KL coefficient so that the policy stays nearer the prior.",
        )
    if distinct < FEW_DISTINCT:
        yield Alarm(
            f"Only {distinct:.0%} of the molecules differ from one another",
            "Raise the KL coefficient; what is learnt from now on spreads out again.",
        )
    if figures["valid"] and figures["scaffolds"] < FEW_SCAFFOLDS * figures["recent"] * figures["valid"]:
        yield Alarm(
            f"{figures['scaffolds']:.0f} scaffolds among the last {figures['recent']:.0f} molecules",
            "Raise the weight of New scaffolds, or the KL coefficient.",
        )


def _tricks(figures: Mapping[str, float]) -> Iterator[Alarm]:
    """Yield an alarm for long carbon chains, and for substructures that cannot be looked for."""
    if figures["chains"] > CHAINS:
        yield Alarm(
            f"{figures['chains']:.0%} of the molecules carry a long carbon chain",
            "This is the cheap way to a high log P: give log P a range, or raise No carbon padding.",
        )
    if unknown := figures.get("unknown", 0.0):  # runs of before have no such figure
        yield Alarm(
            f"In {unknown:.1%} of the molecules a substructure takes too long to look for; it counts as 0 there",
            "Write it with fewer loose parts (dots), fewer rings to run along, and fewer atoms of any kind.",
        )


def _beyond(tokens: SmilesTokens, figures: Mapping[str, float]) -> Iterator[Alarm]:
    """Yield an alarm for each property whose mean left the central 95 % of the training set."""
    for name, label in LABELS.items():
        mean, (low, high) = figures.get(name), central_range(tokens.corpus, name)
        if mean is not None and not low <= mean <= high:
            yield Alarm(
                f"The mean {label} is {mean:.3g}; 95 % of the training molecules ({tokens.title}) lie from {low:.3g} "
                f"to {high:.3g}",
                "Nothing was learnt about molecules out there: set a range for it, or raise the KL coefficient.",
            )
