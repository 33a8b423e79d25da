"""What an application brings. These names are what the rest of the program imports from here."""

from seqtutor_core.domains.base import (
    Alarm,
    BaseDomain,
    Domain,
    Figure,
    RewardTerm,
    every_weight,
)
from seqtutor_core.domains.registry import DOMAINS, DomainEntry, build_domain

__all__ = [
    "DOMAINS",
    "Alarm",
    "BaseDomain",
    "Domain",
    "DomainEntry",
    "Figure",
    "RewardTerm",
    "build_domain",
    "every_weight",
]
