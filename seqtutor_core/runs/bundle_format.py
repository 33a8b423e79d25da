"""What a bundle is: one zip with a run, its prior, a card and licences, from which another machine goes on.

bundle.json    the card, for programs       run/      the run's folder, without what belongs to this machine alone
README.md      the card, for people         prior/    card.json and weights.safetensors
LICENCES.md    under which terms

No owner and no secret, no lock, no log and no path of the machine travels.
"""

import re
import sys
from importlib import metadata
from typing import Any

from seqtutor_core.rules import by_name, listed, number, optional, record, text_of, whole

FORMAT = 1  # counts up when an older program could not read a bundle any more
CARD, README, LICENCES = "bundle.json", "README.md", "LICENCES.md"
PRIOR_FILES = ("prior/card.json", "prior/weights.safetensors")
NEEDED = (CARD, "run/config.json", "run/status.json", *PRIOR_FILES)
WEIGHTS = ".safetensors"  # stored as they are, for they hardly shrink
MEMBER = re.compile(
    rf"{re.escape(CARD)}|{README}|{LICENCES}|prior/(card\.json|weights\.safetensors)"
    r"|run/((config|status|name|tags)\.json|(metrics|controls|best)\.jsonl|policy\.safetensors)"
    r"|run/samples/[0-9]{1,12}\.jsonl|run/checkpoints/update-[0-9]{9,12}\.safetensors"
)
"""The files that a bundle may have, by their whole names; so none leads out of its folder."""
PRIOR_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")

MOST_FILES = 1000
MOST_TEXT_BYTES = 256 * 2**20  # of all files but weights, unpacked
MOST_CARD_BYTES = 2**20
MOST_BYTES = 8 * 2**30  # of all files, unpacked

WORD = text_of(1000)
CARD_RULE = record(
    {
        "bundle": whole(1, 10**6),
        "versions": by_name(WORD),
        "run": record({"id": WORD, "domain": WORD, "learner": WORD, "device": WORD}),
        "figures": by_name(optional(number())),
        "prior": record({"name": WORD}, {"licence": text_of(10_000), "source": text_of(10_000)}),
        "own_rewards": listed(WORD, 10),
        "files": listed(WORD, MOST_FILES),
    }
)


def versions() -> dict[str, str]:
    """Return the versions of this program and of what its numbers depend on."""
    from seqtutor_core import __version__

    packages = {name: metadata.version(name) for name in ("torch", "numpy", "safetensors")}
    return {"seqtutor": __version__, "python": ".".join(map(str, sys.version_info[:3])), **packages}


def readme(card: dict[str, Any]) -> str:
    """Return the card as a page for people."""
    run, prior = card["run"], card["prior"]
    figures = [f"- {name}: {value:.4g}" for name, value in card["figures"].items() if value is not None]
    own = [f"- {name}" for name in card["own_rewards"]]
    return "\n".join(
        [
            f"# {run['name']}",
            "",
            "A run of Sequence Tutor Studio: a sequence model tuned towards a reward while it stays near its prior.",
            "On a machine with the program, go on from here with",
            "",
            f"    seqtutor runs import THIS_FILE.zip\n    seqtutor runs resume {run['id']}",
            "",
            f"- run: {run['id']}, {run['state']} after {run['updates']} updates and {run['seconds']:.1f} s of learning",
            f"- domain {run['domain']}, learner {run['learner']}, seed {run['seed']}, device {run['device']}",
            f"- prior: {prior['name']}, in the folder prior; see {LICENCES}",
            f"- versions: {', '.join(f'{name} {version}' for name, version in card['versions'].items())}",
            "",
            "## Figures of the tuned policy",
            "",
            *(figures or ["It was not measured."]),
            "",
            *(["## Own rewards, which are code and do not travel", "", *own, ""] if own else []),
            "## Files",
            "",
            "In the folder run: config.json has the settings, metrics.jsonl the curves, samples and best.jsonl hold",
            "sequences as numbers of tokens, policy.safetensors has the tuned weights, and checkpoints what learning",
            "goes on from.",
            "",
        ]
    )


def licences(card: dict[str, Any]) -> str:
    """Return the terms that hold for what is in the bundle."""
    prior: dict[str, Any] = card["prior"]
    return "\n".join(
        [
            "# Licences",
            "",
            f"**The prior {prior['name']}, and the tuned weights, which derive from it.** "
            + (prior.get("licence") or "Its card names no licence: ask whoever trained it before you pass it on."),
            "",
            f"**What it was trained on.** {prior.get('source') or 'Its card does not say.'}",
            "",
            "**The program** that made the run, Sequence Tutor Studio, is under the MIT licence. It is not in",
            "this file, nor are a soundfont, a corpus, or own rewards.",
            "",
        ]
    )
