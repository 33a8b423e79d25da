"""prior: cards, corpora, training."""

import math
import sys
from argparse import Namespace
from pathlib import Path

from seqtutor_core import priors
from seqtutor_core.cli.options import Commands, add_command, add_group
from seqtutor_core.cli.output import show, two_columns
from seqtutor_core.domains import DOMAINS
from seqtutor_core.errors import SettingError

CORPUS = ", ".join(corpus for entry in DOMAINS.values() for corpus in entry.corpora)


def add_commands(commands: Commands) -> None:
    """Add prior info, corpus, neighbours and train."""
    group = add_group(commands, "prior", "the priors and their corpora")
    add_command(group, "info", info, "the cards of the priors")
    parser = add_command(group, "corpus", corpus, "build a training corpus; resumes")
    parser.add_argument("corpus", help=CORPUS)
    parser.add_argument("--file", default="", help="what it is built from, where no package brings it: molecule-zinc")
    parser.add_argument("--ship", action="store_true", help="also replace the statistics that the package carries")
    parser = add_command(group, "neighbours", neighbours, "index the training molecules, to look up the nearest ones")
    parser.add_argument("corpus", nargs="?", default="molecule", help="molecule or molecule-zinc (default: molecule)")
    parser = add_command(group, "train", train, "train a prior; resumes")
    parser.add_argument("name", help=f"the recipe, named as the prior: {', '.join(priors.available())}")
    parser.add_argument("--out", help="folder that receives the prior (default: assets/priors)")


def info(options: Namespace) -> None:
    """Print the priors' cards."""
    cards = {name: priors.load(name).card for name in priors.available()}
    lines = (
        f"{name}: {card.get('held_out_nats', math.nan):.3f} nats a token, {card.get('licence', 'no licence given')}"
        for name, card in cards.items()
    )
    show(cards, options.json, "\n".join(lines))


def corpus(options: Namespace) -> None:
    """Build a corpus, with a progress bar on standard error."""
    from seqtutor_core import recipes

    statistics = recipes.build_corpus(options.corpus, options.file, _progress)
    print(file=sys.stderr)
    if options.ship:
        recipes.training_recipes(options.corpus).ship(recipes.corpus_folder(options.corpus))
    show(statistics, options.json, two_columns(statistics))


def neighbours(options: Namespace) -> None:
    """Build the index of training molecules that nearest ones are looked up in."""
    from seqtutor_core import recipes
    from seqtutor_core.chemistry.neighbours import build
    from seqtutor_core.domains.molecule.recipes import molecules as moses
    from seqtutor_core.domains.molecule.zinc_recipes import molecules as zinc

    known = {"molecule": moses, "molecule-zinc": zinc}
    if options.corpus not in known:
        raise SettingError(f"no molecules in a corpus named {options.corpus!r}; choose one of {', '.join(known)}")
    folder = recipes.corpus_folder(options.corpus)
    build(folder, known[options.corpus](folder), _progress)
    print(file=sys.stderr)
    show({"index": str(folder)}, options.json, f"the nearest training molecules are looked up in {folder}")


def _progress(done: int, total: int) -> None:
    bar = "#" * (40 * done // total)
    print(f"\r[{bar:<40}] {done}/{total}", end="", file=sys.stderr, flush=True)


def train(options: Namespace) -> None:
    """Train a recipe, epoch by epoch, and publish the best weights with their card."""
    from seqtutor_core import recipes

    for epoch in recipes.train(options.name):
        print(
            f"epoch {epoch.epoch:3d}  training {epoch.training_nats:.4f}  held out {epoch.held_out_nats:.4f} nats "
            f"a token, accuracy {epoch.held_out_accuracy:.3f}{'  best' if epoch.best else ''}",
            file=sys.stderr,
            flush=True,
        )
    card = recipes.publish(options.name, Path(options.out) if options.out else priors.ASSETS)
    show(card, options.json, two_columns(card))
