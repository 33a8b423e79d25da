"""Options that several commands share, and what is read from them."""

from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from seqtutor_core import priors
from seqtutor_core.config import PRESETS
from seqtutor_core.domains import Domain
from seqtutor_core.domains.base import starting_weights
from seqtutor_core.domains.registry import DOMAINS, domain_entry
from seqtutor_core.objective import COMBINATIONS, SUM, Objective
from seqtutor_core.rules import number, parse_pairs, shown

Commands: TypeAlias = "_SubParsersAction[ArgumentParser]"
"""Where a command is added: to the program, or to a group such as `runs`."""

DOMAIN = " or ".join(DOMAINS)
USUAL_C = ", ".join(f"{entry.kl_coefficient:g} for {name}" for name, entry in DOMAINS.items())
PRESET_HELP = "paper: the published settings; expensive: for few calls of a reward that is slow or dear"
RUN = "a run's id, as runs list prints it"


def add_command(commands: Commands, name: str, run: Callable[[Namespace], int | None], help: str) -> ArgumentParser:
    """Add the command `name` that calls `run` with its options; return its parser, for more options.

    commands: where it is added. help: one line for the list of commands.
    """
    parser = commands.add_parser(name, help=help, description=help)
    parser.set_defaults(run=run)
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    return parser


def add_group(commands: Commands, name: str, help: str) -> Commands:
    """Add a command that only holds others, such as `runs`; return where they are added."""
    return commands.add_parser(name, help=help, description=help).add_subparsers(dest="action", required=True)


def add_seed(parser: ArgumentParser) -> None:
    """Add --seed."""
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers (default: 0)")


def add_settings(parser: ArgumentParser) -> None:
    """Add --set, for the domain's settings."""
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the domain")


def add_objective(parser: ArgumentParser) -> None:
    """Add the domain and what is maximised: weights, c, settings; and the prior and the seed."""
    parser.add_argument("domain", help=DOMAIN)
    parser.add_argument("--prior", help="a prior's name (default: the domain's)")
    parser.add_argument(
        "--kl", type=float, help=f"the KL coefficient c; larger stays nearer the prior (default: {USUAL_C})"
    )
    parser.add_argument("--preset", choices=sorted(PRESETS), default="default", help=PRESET_HELP)
    parser.add_argument(
        "--rewards",
        choices=("default", "paper", "none"),
        help="weights to begin with (default: the domain's own, or the paper's with --preset paper)",
    )
    parser.add_argument("--weight", action="append", default=[], metavar="NAME=VALUE", help="weight of a reward term")
    parser.add_argument(
        "--combination", choices=COMBINATIONS, default=SUM, help="how weighted terms make one reward (default: the sum)"
    )
    add_settings(parser)
    add_seed(parser)


# ---------------------------------------------------------------- what is read from them


def parse_weights(items: Iterable[str]) -> dict[str, float]:
    """Return NAME=VALUE items as a dict of numbers; SettingError for a value that is not one."""
    weights = parse_pairs(items)
    for name, value in weights.items():
        number()(f"the weight {shown(name)}", value)
    return weights


def domain_settings(options: Namespace) -> dict[str, Any]:
    """Return the settings of --set, over those that the prior of --prior was trained for."""
    domain_entry(options.domain)  # names an unknown domain, before a prior of that name is looked for
    return priors.domain_settings(options.prior or options.domain, parse_pairs(options.set))


def objective_from(domain: Domain, options: Namespace) -> Objective:
    """Return the objective that the options describe; SettingError for one that is not possible."""
    weights = reward_weights(domain, options)
    return Objective(domain, weights, kl_coefficient(domain, options), options.combination)


def kl_coefficient(domain: Domain, options: Namespace) -> float:
    """Return the c of --kl, or the domain's default."""
    return DOMAINS[domain.name].kl_coefficient if options.kl is None else options.kl


def reward_weights(domain: Domain, options: Namespace) -> dict[str, float]:
    """Return the domain's default weights, or the paper's, or none; those of --weight hold over them."""
    return {**starting_weights(domain, options.rewards, options.preset), **parse_weights(options.weight)}
