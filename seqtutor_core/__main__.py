"""The command line: python -m seqtutor_core COMMAND. Every command takes --json."""

import argparse
import sys
from collections.abc import Sequence

from seqtutor_core.commands import priors, reading, runs, sampling, tuning
from seqtutor_core.config import PRESETS
from seqtutor_core.domains import DOMAINS
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.files import reason
from seqtutor_core.learners import DEFAULT, LEARNERS
from seqtutor_core.preview import PARTICLES
from seqtutor_core.rules import shown

DOMAIN = " or ".join(DOMAINS)
USUAL_C = ", ".join(f"{entry.kl_coefficient:g} for {name}" for name, entry in DOMAINS.items())
RUN = "a run's id, as runs list prints it"
SEED = "of the random numbers (default: 0)"


def build_parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    parser = argparse.ArgumentParser(prog="python -m seqtutor_core", description=__doc__)
    commands_ = parser.add_subparsers(dest="command", required=True)

    def command(name: str, run, text: str, parent=commands_) -> argparse.ArgumentParser:  # type: ignore[no-untyped-def]
        sub = parent.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        sub.add_argument("--json", action="store_true", help="print JSON for machines")
        return sub

    tune = command("tune", tuning.tune, "fine-tune a prior towards weighted rewards")
    tune.add_argument("domain", help=DOMAIN)
    _tuning_options(tune)

    sample = command("sample", sampling.sample, "print sequences, one a line")
    evaluate = command("evaluate", sampling.evaluate, "print the metrics of sampled sequences")
    for sub, usual in ((sample, 10), (evaluate, 10_000)):
        sub.add_argument("what", help="a run, or prior:NAME")
        sub.add_argument("-n", type=int, default=usual, help=f"how many sequences (default: {usual})")
        sub.add_argument("--seed", type=int, default=0, help=SEED)

    preview = command("preview", sampling.preview, "sequences that tuning would lead to, without training")
    preview.add_argument("domain", help=DOMAIN)
    preview.add_argument("--particles", type=int, default=PARTICLES, help=f"how many (default: {PARTICLES})")
    preview.add_argument("--preset", choices=sorted(PRESETS), default="default", help="paper: the paper's weights")
    _reward_options(preview)

    gauge = command("gauge", sampling.gauge, "how far a run has come towards the best reachable")
    gauge.add_argument("id", metavar="run", help=RUN)
    gauge.add_argument("-n", type=int, default=4096, help="sequences of the policy, and of the prior")
    gauge.add_argument("--seed", type=int, default=0, help=SEED)

    score = command("score", sampling.score, "print every reward term of given sequences")
    score.add_argument("domain", help=DOMAIN)
    score.add_argument("file", help="one JSON list of tokens, or one SMILES, a line; - reads standard input")
    score.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the domain")

    read = command("read", reading.read, "what the program makes of a MIDI file or a file of molecules")
    read.add_argument("file", help=f"ending in {', '.join(reading.MELODIES + reading.MOLECULES)}")
    read.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the domain")
    read.add_argument(
        "--polyphony",
        choices=("error", "top"),
        default="error",
        help="top: of notes that sound together keep the highest, instead of refusing them",
    )

    prior = parser_group(commands_, "prior", "the priors and their corpora")
    command("info", priors.info, "the cards of the priors", prior)
    build = command("corpus", priors.corpus, "build the training corpus; resumes", prior)
    build.add_argument("domain", help=DOMAIN)
    build.add_argument("--ship", action="store_true", help="also replace the statistics that the package carries")
    command("neighbours", priors.neighbours, "index the training molecules, to look up the nearest ones", prior)
    train = command("train", priors.train, "train a prior; resumes", prior)
    train.add_argument("name", help="the recipe, e.g. melody-paper; an unknown one lists them all")
    train.add_argument("--out", help="folder that receives the prior (default: assets/priors)")

    kept = parser_group(commands_, "runs", "tuning runs kept on this machine")
    command("list", runs.listed, "all runs, newest first", kept)
    show = command("show", runs.details, "one run", kept)
    resume = command("resume", runs.resume, "go on with a run that was stopped or killed", kept)
    stop = command("stop", runs.stop, "stop a run; it keeps what it learned", kept)
    delete = command("delete", runs.delete, "delete a run; for ten minutes restore brings it back", kept)
    restore = command("restore", runs.restore, "bring back a run that was deleted a moment ago", kept)
    rename = command("rename", runs.rename, "give a run a name to know it by", kept)
    tag = command("tag", runs.tag, "give a run a tag to find it by, or take one away", kept)
    for sub in (show, resume, stop, delete, restore, rename, tag):
        sub.add_argument("id", metavar="run", help=RUN)
    rename.add_argument("name", help="up to 80 characters; empty: the name it was made with")
    tag.add_argument("tag", help="1 to 24 characters")
    tag.add_argument("--remove", action="store_true", help="take it away")
    resume.add_argument("--seconds", type=float, default=0.0, help="learning time on top of what is left")

    bench = command("bench", tuning.bench, "environment steps a second, learning included")
    bench.add_argument("domain", help=DOMAIN)
    _tuning_options(bench)
    bench.set_defaults(seconds=10.0)
    command("doctor", runs.doctor, "what this machine has, what is missing, and the remedy")
    return parser


def parser_group(parent, name: str, text: str):  # type: ignore[no-untyped-def]  # argparse hides this type
    """A command that only holds others."""
    return parent.add_parser(name, help=text, description=text).add_subparsers(dest="action", required=True)


def _reward_options(parser: argparse.ArgumentParser) -> None:
    """What is wanted, of which sequences."""
    parser.add_argument("--prior", help="a prior's name (default: the domain's)")
    parser.add_argument(
        "--kl",
        type=float,
        help=f"the KL coefficient c; larger stays nearer the prior (default: {USUAL_C})",
    )
    parser.add_argument(
        "--rewards",
        choices=("default", "paper", "none"),
        help="weights to begin with (default: the domain's own, or the paper's with --preset paper)",
    )
    parser.add_argument("--weight", action="append", default=[], metavar="NAME=VALUE", help="weight of a reward term")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the domain")
    parser.add_argument("--seed", type=int, default=0, help=SEED)


def _tuning_options(parser: argparse.ArgumentParser) -> None:
    _reward_options(parser)
    parser.add_argument("--learner", choices=sorted(LEARNERS), help=f"default: {DEFAULT}, or psi with --preset paper")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="default", help="paper: the published settings")
    parser.add_argument(
        "--kl-budget", type=float, metavar="NATS", help="keep this KL a sequence: c begins at --kl and moves by itself"
    )
    parser.add_argument(
        "--warm-start", action="store_true", help="first imitate samples that particles draw, then tune"
    )
    parser.add_argument(
        "--stop-on-collapse", action="store_true", help="end early when the policy has collapsed to a few sequences"
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="budget of learning time")
    parser.add_argument("--updates", type=int, help="budget in updates instead: repeatable to the bit")
    parser.add_argument("--override", action="append", default=[], metavar="NAME=VALUE", help="a learner setting")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it went well, 1 with a message when not."""
    options = build_parser().parse_args(arguments)
    try:
        return options.run(options) or 0
    except SeqTutorError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130  # as shells say it: 128 + SIGINT
    except BrokenPipeError:  # the reader had enough: `... | head`
        sys.stderr.close()
        return 0
    except OSError as error:  # a disk that is full, a home that is a file, a folder that is not ours
        print(
            f"error: {shown(str(error.filename or 'a file'))}: {reason(error)}; check the disk, or SEQTUTOR_HOME",
            file=sys.stderr,
        )
        return 1


if __name__ == "__main__":
    sys.exit(main())
