"""rewards: the own rewards that can be chosen, and a try of one."""

from argparse import Namespace
from pathlib import Path

from seqtutor_core.cli.options import DOMAIN, Commands, add_command, add_group
from seqtutor_core.cli.output import show
from seqtutor_core.domains import DOMAINS, build_domain
from seqtutor_core.errors import InputError
from seqtutor_core.files import read_whole, reason
from seqtutor_core.own_rewards import OwnReward, find, folder, listed, scorer
from seqtutor_core.rules import shown

MOST_BYTES = 20 * 2**20


def add_commands(commands: Commands) -> None:
    """Add the group rewards."""
    group = add_group(commands, "rewards", "rewards that you write yourself")
    add_command(group, "list", show_all, "print the own rewards of each domain, and the folder for yours")
    parser = add_command(group, "test", test, "print what an own reward says of sequences in a file")
    parser.add_argument("domain", help=DOMAIN)
    parser.add_argument("name", help="its file name, as rewards list prints it")
    parser.add_argument("file", help="a SMILES a line, or a melody's tokens with spaces between")


def show_all(options: Namespace) -> None:
    """Print each reward with its range, its time limit and what is wrong with it."""
    for domain in DOMAINS:
        text = f"{domain}: put yours into {folder(domain)}" if not options.json else ""
        show({"domain": domain, "folder": str(folder(domain))}, options.json, text)
        for one in listed(domain):
            words = one.problem or one.facts
            line = f"  {one.name:<24} {one.label}, {words}{' (example)' if one.is_example else ''}"
            show(_to_json(one), options.json, line)


def _to_json(one: OwnReward) -> dict[str, object]:
    low, high = (None if abs(bound) == float("inf") else bound for bound in one.bounds)
    facts = {"domain": one.domain, "name": one.name, "label": one.label, "low": low, "high": high}
    return {**facts, "seconds": one.seconds, "example": one.is_example, "problem": one.problem}


def test(options: Namespace) -> int:
    """Print a line for each sequence, and what one took on average; return 1 if it failed on one of them."""
    build_domain(options.domain)
    reward = find(options.domain, options.name)
    try:
        lines = read_whole(Path(options.file), MOST_BYTES).decode().splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"{shown(options.file)} cannot be read: {reason(error)}") from None
    sequences = [line.strip() for line in lines if line.strip()]
    measuring = scorer(reward)
    found = measuring.score(sequences, anew=True)
    for sequence, score in zip(sequences, found, strict=True):
        show({"sequence": sequence, "values": list(score.values), "error": score.error}, True)
    facts = {"milliseconds": measuring.milliseconds, "failed": sum(bool(score.error) for score in found)}
    show(facts, options.json, f"{facts['milliseconds']:.1f} ms each, failed on {facts['failed']} of {len(found)}")
    return 1 if facts["failed"] else 0
