"""sample, evaluate, score, preview, gauge: look at a policy, a prior, a reward."""

import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict
from io import TextIOWrapper
from pathlib import Path

from seqtutor_core import priors
from seqtutor_core import text as texts
from seqtutor_core.cli.options import (
    DOMAIN,
    RUN,
    Commands,
    add_command,
    add_objective,
    add_seed,
    add_settings,
    domain_settings,
    objective_from,
)
from seqtutor_core.cli.output import show, two_columns
from seqtutor_core.config import SEED
from seqtutor_core.domains import Domain, build_domain
from seqtutor_core.errors import InputError, SettingError
from seqtutor_core.evaluation import evaluate as evaluating
from seqtutor_core.evaluation import rollouts
from seqtutor_core.files import read_whole, reason
from seqtutor_core.gauge import Gauge, gauge_policy
from seqtutor_core.objective import ZERO_ADVICE, Objective
from seqtutor_core.policy import Policy
from seqtutor_core.preview import PARTICLES, draw_preview
from seqtutor_core.rules import parse_pairs, shown, whole
from seqtutor_core.runs import store
from seqtutor_core.runs.policies import objective_of, policy_of

MOST_PARTICLES = 100_000
MOST_BYTES = 256 * 2**20  # of a file to score
MOST_SEQUENCES = 1_000_000  # a thousand of them take a second, or some megabytes


def add_commands(commands: Commands) -> None:
    """Add sample, evaluate, preview, gauge and score."""
    sample_ = add_command(commands, "sample", sample, "print sequences, one a line")
    evaluate_ = add_command(commands, "evaluate", evaluate, "print the metrics of sampled sequences")
    for parser, n in ((sample_, 10), (evaluate_, 10_000)):
        parser.add_argument("what", help="a run, or prior:NAME")
        parser.add_argument("-n", type=int, default=n, help=f"how many sequences (default: {n})")
        add_seed(parser)

    parser = add_command(commands, "preview", preview, "sequences that tuning would lead to, without training")
    add_objective(parser)
    parser.add_argument("--particles", type=int, default=PARTICLES, help=f"how many (default: {PARTICLES})")

    parser = add_command(commands, "gauge", gauge, "how far a run has come towards the best reachable")
    parser.add_argument("id", metavar="run", help=RUN)
    parser.add_argument("-n", type=int, default=4096, help="sequences of the policy, and of the prior (default: 4096)")
    add_seed(parser)

    parser = add_command(commands, "score", score, "print every reward term of given sequences")
    parser.add_argument("domain", help=DOMAIN)
    parser.add_argument("file", help="one JSON list of tokens, or one SMILES, a line; - reads standard input")
    add_settings(parser)


def _open(what: str) -> tuple[Domain, Policy, store.Run | None]:
    """Return the domain and the policy of a run, with the run, or those of prior:NAME."""
    if what.startswith("prior:"):
        prior = priors.load(what.removeprefix("prior:"))
        domain = build_domain(prior.card.get("domain", ""), prior.card.get("settings"))
        return domain, Policy(domain, prior.network), None
    run = store.open_run(what)
    return build_domain(run.config.domain, run.config.settings), policy_of(run), run


def _check_numbers(options: Namespace, fewest: int = 1, most: int = MOST_SEQUENCES) -> None:
    """Raise SettingError for a number of sequences or a seed that is not possible."""
    whole(fewest, most)("-n", options.n)
    SEED("--seed", options.seed)


def sample(options: Namespace) -> None:
    """Print one sequence a line."""
    _check_numbers(options)
    domain, policy, run = _open(options.what)
    for rollout in rollouts(policy, options.n, options.seed, run.config.sampling_primer if run else ()):
        for tokens, length in zip(rollout.tokens.tolist(), rollout.lengths.tolist(), strict=True):
            show(domain.to_json(tokens[:length]), True)


def evaluate(options: Namespace) -> None:
    """Print the metrics of n sampled sequences."""
    _check_numbers(options)
    domain, policy, run = _open(options.what)
    objective = objective_of(run.config, run.curves()[0]) if run else Objective(domain, {}, 1.0)
    result = evaluating(policy, objective, options.n, options.seed, run.config.sampling_primer if run else ())
    show({**result, "n": options.n}, options.json, two_columns(result["metrics"]))


def preview(options: Namespace) -> None:
    """Print samples of the best policy under the given rewards and c, without training."""
    whole(2, MOST_PARTICLES)("--particles", options.particles)
    SEED("--seed", options.seed)
    domain = build_domain(options.domain, domain_settings(options))
    objective = objective_from(domain, options)
    prior = Policy(domain, priors.load(options.prior or domain.name, space=domain).network)
    result = draw_preview(prior, objective, options.particles, options.seed)
    if result.zero:
        print(f"0 everywhere: {', '.join(result.zero)}. {ZERO_ADVICE}", file=sys.stderr)
    rows = zip(result.tokens.tolist(), result.lengths.tolist(), strict=True)
    figures = {
        "milliseconds": result.milliseconds,
        "log_z": result.samples.log_z,
        "effective_sample_size": result.samples.effective_sample_size,
        "ancestors": result.samples.ancestors,
        **({"exact": len(result.exact)} if domain.terminal_reward else {}),
    }
    metrics = domain.metrics(result.tokens, result.lengths)
    samples = [domain.to_json(tokens[:length]) for tokens, length in rows]
    show({**figures, "metrics": metrics, "samples": samples}, options.json, two_columns({**figures, **metrics}))


def gauge(options: Namespace) -> None:
    """Print how far a run has come towards the best reachable, for its weights and c as they stood at the end."""
    _check_numbers(options, 64, MOST_PARTICLES)
    _, policy, run = _open(options.id)
    if run is None:
        raise SettingError(f"{options.id} is a prior; the gauge measures a run against its prior")
    config = run.config
    if config.sampling_primer is None:
        raise SettingError(f"the sequences of {options.id} begin with a random note each, so they share no log Z")
    objective = objective_of(config, run.curves()[0])
    result = gauge_policy(policy, objective, options.n, options.seed, config.primer)
    facts = asdict(result) | {"sentence": result.sentence, "kl_coefficient": objective.c, "n": options.n}
    brief = {name: value for name, value in facts.items() if name not in ("sources", "sentence")}
    show(facts, options.json, f"{result.sentence}\n\n{two_columns(brief)}\n\n{_sources(result)}")


def _sources(result: Gauge) -> str:
    """Return what each source says of log Z, a line each, at the confidence that the gauge holds it to."""
    return "\n".join(
        f"{source.name:<40} log Z at least {source.bound(result.delta):8.2f}   effective samples "
        f"{source.effective_sample_size:7.1f}   distinct {source.distinct:.2f}"
        for source in result.sources
    )


def score(options: Namespace) -> int:
    """Print every term of each line; a wrong line is reported and does not stop the rest."""
    failed = 0
    for result in build_domain(options.domain, parse_pairs(options.set)).score_lines(_lines(options.file)):
        failed += "error" in result
        show(result, True)
    return 1 if failed else 0


def _lines(file: str) -> Iterator[str]:
    """Yield the lines of a file of text, or of standard input, without a byte order mark."""
    if file == "-":
        if isinstance(sys.stdin, TextIOWrapper):
            sys.stdin.reconfigure(encoding="utf-8-sig", errors="replace")
        yield from sys.stdin
        return
    try:
        data = read_whole(Path(file), MOST_BYTES)
    except (OSError, ValueError) as error:
        raise InputError(f"{shown(file)} cannot be read: {reason(error)}") from None
    yield from texts.lines(texts.decode(data, file))
