"""What each command of the command line does. Each takes the parsed options and may return an exit status."""

import json
import sys
import time
from argparse import Namespace
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from seqtutor_core import doctor as machine
from seqtutor_core import prior as priors
from seqtutor_core.config import Change, TuningConfig
from seqtutor_core.domains import Domain, domain
from seqtutor_core.errors import InputError, SeqTutorError, SettingError
from seqtutor_core.evaluation import evaluate_policy, rollouts
from seqtutor_core.network import RecurrentNetwork
from seqtutor_core.runs import launcher, store
from seqtutor_core.tuning import Tuner
from seqtutor_core.tuning import tune as tuning


def show(value: Any, as_json: bool, text: str | None = None) -> None:
    """Print a value as one line of JSON, or a text for people."""
    print(json.dumps(value) if as_json or text is None else text, flush=True)


def listing(values: Mapping[str, Any]) -> str:
    """Names and values in two columns."""

    def plain(value: Any) -> str:
        return f"{value:.4g}" if isinstance(value, float) else "-" if value is None else str(value)

    width = max(map(len, values), default=0)
    return "\n".join(f"{name:<{width}}  {plain(value)}" for name, value in values.items())


# ---------------------------------------------------------------- tuning


def config_of(options: Namespace) -> TuningConfig:
    """The tuning job that the options ask for."""
    known = domain(options.domain, _pairs(options.set))
    return TuningConfig(
        domain=known.name,
        prior=options.prior or known.name,
        learner=options.learner,
        preset=options.preset,
        weights=_weights(known, options),
        kl_coefficient=options.kl,
        kl_budget=options.kl_budget,
        seconds=options.seconds,
        updates=options.updates,
        settings=_pairs(options.set),
        overrides=_pairs(options.override),
        device=options.device,
        seed=options.seed,
    )


def _weights(known: Domain, options: Namespace) -> dict[str, float]:
    """The defaults, or the paper's with its preset or by name; those named one by one hold over both."""
    published = options.rewards == "paper" or (options.rewards is None and options.preset == "paper")
    usual = known.paper_weights if published else {t.name: t.default for t in known.terms}
    return {**({} if options.rewards == "none" else usual), **_numbers(options.weight)}


def tune(options: Namespace) -> int:
    """Start a run in its own process and follow it; Ctrl-C stops it and keeps what it learned."""
    run = launcher.start(config_of(options))
    try:
        _follow(run)
    except KeyboardInterrupt:
        run.change(Change(stop=True))
        _follow(run)
    return _report(run, options.json)


def _follow(run: store.Run) -> None:
    """One line a second on standard error until the run has ended."""
    seen = 0
    while True:
        over = run.state not in store.ACTIVE
        lines, seen = run.metrics(seen)
        if lines:
            p = lines[-1]
            print(
                f"\r{p['seconds']:6.1f} s  reward {p['reward']:8.2f}  KL {p['kl']:6.2f}  J {p['j']:8.2f}  "
                f"distinct {p['distinct']:.2f}  {p['steps_per_second']:9,.0f} steps/s",
                end="",
                file=sys.stderr,
                flush=True,
            )
        if over:
            print(file=sys.stderr)
            return
        time.sleep(0.5)


def _report(run: store.Run, as_json: bool) -> int:
    status = run.status
    if not status.summary:
        raise SeqTutorError(f"the run {run.id} ended as {run.state}: {status.error or status.message}")
    flat = {k: v for k, v in status.summary.items() if k not in ("metrics", "gauge")} | status.summary["metrics"]
    show(status.summary, as_json, listing(flat))
    return 0


def bench(options: Namespace) -> None:
    """Tune in this process and time it: environment steps a second over the budget, learning included."""
    config = config_of(options)
    known = domain(config.domain, config.settings)
    tuner = Tuner(config, known, priors.load(config.prior, vocabulary=known.vocabulary).network)
    for _ in range(3):  # warm-up: the first iterations allocate
        tuner.iterate()
    tuner.seconds, before = 0.0, tuner.environment_steps
    for _ in tuning(tuner):
        pass
    steps = tuner.environment_steps - before
    result = {
        "domain": config.domain,
        "learner": config.learner,
        "preset": config.preset,
        "device": str(tuner.device),
        "threads": torch.get_num_threads(),
        "seconds": tuner.seconds,
        "environment_steps": steps,
        "environment_steps_per_second": steps / tuner.seconds,
    }
    show(result, options.json, listing(result))


# ---------------------------------------------------------------- sampling


def _policy(what: str) -> tuple[Domain, RecurrentNetwork, RecurrentNetwork | None, TuningConfig | None]:
    """Domain, prior and policy of a run, or of prior:NAME (no policy)."""
    if what.startswith("prior:"):
        prior = priors.load(what.removeprefix("prior:"))
        return domain(prior.card["domain"]), prior.network, None, None
    run = store.open_run(what)
    config = run.config
    known = domain(config.domain, config.settings)
    prior = priors.load(config.prior, vocabulary=known.vocabulary)
    return known, prior.network, store.load_policy(run), config


def sample(options: Namespace) -> None:
    """One sequence a line."""
    if options.n < 1:
        raise SettingError(f"-n {options.n}: ask for at least 1 sequence")
    known, prior, policy, config = _policy(options.what)
    learner, primer = (config.learner, config.sampling_primer) if config else (None, ())
    for rollout in rollouts(known, prior, policy, learner, options.n, options.seed, primer):
        for tokens, length in zip(rollout.tokens.tolist(), rollout.lengths.tolist(), strict=True):
            show(known.written(tokens[:length]), True)


def evaluate(options: Namespace) -> None:
    """The metrics of n sampled sequences."""
    if options.n < 1:
        raise SettingError(f"-n {options.n}: ask for at least 1 sequence")
    known, prior, policy, config = _policy(options.what)
    weights, c = (config.weights, config.kl_coefficient) if config else ({}, 1.0)
    learner, primer = (config.learner, config.sampling_primer) if config else (None, ())
    found = evaluate_policy(known, prior, policy, learner, weights, c, options.n, options.seed, primer)
    show({**found, "n": options.n}, options.json, listing(found["metrics"]))


def score(options: Namespace) -> int:
    """Every term of each line; a wrong line is reported and does not stop the rest."""
    failed = 0
    for result in domain(options.domain, _pairs(options.set)).score_lines(_lines(options.file)):
        failed += "error" in result
        show(result, True)
    return 1 if failed else 0


def _lines(file: str) -> Iterable[str]:
    if file == "-":
        return sys.stdin
    try:
        return Path(file).read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}") from None


# ---------------------------------------------------------------- priors


def prior_info(options: Namespace) -> None:
    """The cards."""
    cards = {name: priors.load(name).card for name in priors.available()}
    lines = (f"{name}: {card['held_out_nats']:.3f} nats a token, {card['licence']}" for name, card in cards.items())
    show(cards, options.json, "\n".join(lines))


def prior_corpus(options: Namespace) -> None:
    """Build the corpus with a progress bar."""
    from seqtutor_core import recipes

    domain_recipes, folder = recipes.workshop(options.domain), recipes.corpus_folder(options.domain)
    statistics = domain_recipes.build(folder, _progress)
    print(file=sys.stderr)
    if options.ship:
        domain_recipes.ship(folder)
    show(statistics, options.json, listing(statistics))


def prior_neighbours(options: Namespace) -> None:
    """Build the index of training molecules that nearest ones are looked up in."""
    from seqtutor_core import recipes
    from seqtutor_core.domains.molecule import neighbours

    folder = recipes.corpus_folder("molecule")
    neighbours.build(folder, _progress)
    print(file=sys.stderr)
    show({"index": str(folder)}, options.json, f"the nearest training molecules are looked up in {folder}")


def _progress(done: int, total: int) -> None:
    bar = "#" * (40 * done // total)
    print(f"\r[{bar:<40}] {done}/{total}", end="", file=sys.stderr, flush=True)


def prior_train(options: Namespace) -> None:
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
    show(card, options.json, listing(card))


# ---------------------------------------------------------------- runs, machine


def runs_list(options: Namespace) -> None:
    """All runs."""
    rows = [_facts(run) for run in store.runs()]
    lines = (
        f"{r['id']}  {r['state']:<11} " + (r["problem"] or f"{r['domain']} {r['learner']} c = {r['kl_coefficient']}")
        for r in rows
    )
    show(rows, options.json, "\n".join(lines) or "no runs yet")


def _facts(run: store.Run) -> dict[str, Any]:
    """Id, state, settings and status of a run; of a damaged one what is wrong with it."""
    known = {"id": run.id, "state": run.state, "problem": run.problem}
    return known if known["problem"] else known | asdict(run.config) | asdict(run.status) | {"state": run.state}


def runs_show(options: Namespace) -> None:
    """One run."""
    facts = _facts(store.open_run(options.id))
    show(facts, options.json, listing(facts))


def runs_resume(options: Namespace) -> int:
    """Go on, and follow."""
    run = store.open_run(options.id)
    launcher.resume(run, options.seconds)
    _follow(run)
    return _report(run, options.json)


def runs_stop(options: Namespace) -> None:
    """Stop, and wait for its last checkpoint."""
    run = store.open_run(options.id)
    launcher.stop(run, wait=60)
    show(_facts(run), options.json, f"{run.id}: {run.state}")


def runs_delete(options: Namespace) -> None:
    """Delete."""
    run = store.open_run(options.id)
    run.delete()
    show({"deleted": run.id}, options.json, f"{run.id} deleted")


def doctor(options: Namespace) -> None:
    """Parts of this machine."""
    parts = [part.__dict__ for part in machine.diagnose()]
    lines = (
        f"{'ok     ' if p['present'] else 'missing'}  {p['name']}: {p['detail']}"
        + (f"\n         -> {p['remedy']}" if p["remedy"] else "")
        for p in parts
    )
    show(parts, options.json, "\n".join(lines))


# ---------------------------------------------------------------- NAME=VALUE


def _pairs(items: Iterable[str]) -> dict[str, Any]:
    """NAME=VALUE as a mapping, values read as JSON where they are."""
    pairs = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals:
            raise SettingError(f"{item!r} is not NAME=VALUE")
        try:
            pairs[name] = json.loads(value)
        except json.JSONDecodeError:
            pairs[name] = value
    return pairs


def _numbers(items: Iterable[str]) -> dict[str, float]:
    """NAME=VALUE with numbers."""
    pairs = _pairs(items)
    for name, value in pairs.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise SettingError(f"the weight {name}={value} is not a number")
    return pairs
