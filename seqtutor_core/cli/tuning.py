"""tune, bench: start a run and follow it; time learning."""

import signal
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from seqtutor_core.cli.options import (
    Commands,
    add_command,
    add_objective,
    domain_settings,
    kl_coefficient,
    reward_weights,
)
from seqtutor_core.cli.output import show, two_columns
from seqtutor_core.config import Change, TuningConfig
from seqtutor_core.domains import build_domain
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.learners import DEFAULT, LEARNERS
from seqtutor_core.library import prepare_tuning
from seqtutor_core.rules import parse_pairs
from seqtutor_core.runs import launcher, store
from seqtutor_core.runs.slots import in_words
from seqtutor_core.stages import Stage
from seqtutor_core.tuning import iterate
from seqtutor_core.tuning import tune as tuning


def add_commands(commands: Commands) -> None:
    """Add tune and bench."""
    parser = add_command(commands, "tune", tune, "fine-tune a prior towards weighted rewards")
    add_objective(parser)
    _add_learning(parser, seconds=60.0)
    parser = add_command(commands, "bench", bench, "environment steps a second, learning included")
    add_objective(parser)
    _add_learning(parser, seconds=10.0)


def _add_learning(parser: ArgumentParser, seconds: float) -> None:
    """Add how the policy learns, for how long and on what device."""
    parser.add_argument("--learner", choices=sorted(LEARNERS), help=f"default: {DEFAULT}, or psi with --preset paper")
    parser.add_argument(
        "--kl-budget", type=float, metavar="NATS", help="keep this KL a sequence: c begins at --kl and moves by itself"
    )
    parser.add_argument(
        "--warm-start", action="store_true", help="first imitate samples that particles draw, then tune"
    )
    parser.add_argument(
        "--stop-on-collapse", action="store_true", help="end early when the policy has collapsed to a few sequences"
    )
    parser.add_argument(
        "--seconds", type=float, default=seconds, help=f"budget of learning time (default: {seconds:g})"
    )
    parser.add_argument("--updates", type=int, help="budget in updates instead: repeatable to the bit")
    parser.add_argument(
        "--calls", type=int, help="budget in evaluations of distinct, valid sequences instead; see --preset expensive"
    )
    parser.add_argument(
        "--stage",
        action="append",
        default=[],
        metavar="TEXT",
        help="an objective to go through first: 'qed=40, until=30, calls=2000, kl=1'; several come in order",
    )
    parser.add_argument("--override", action="append", default=[], metavar="NAME=VALUE", help="a learner setting")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")


def config_of(options: Namespace) -> TuningConfig:
    """Return the tuning job that the options describe."""
    domain = build_domain(options.domain, domain_settings(options))
    return TuningConfig(
        domain=domain.name,
        prior=options.prior or domain.name,
        learner=options.learner or ("psi" if options.preset == "paper" else DEFAULT),
        preset=options.preset,
        weights=reward_weights(domain, options),
        combination=options.combination,
        kl_coefficient=kl_coefficient(domain, options),
        kl_budget=options.kl_budget,
        seconds=options.seconds,
        updates=options.updates,
        calls=options.calls,
        stages=tuple(map(Stage.of, options.stage)),
        warm_start=options.warm_start,
        stop_on_collapse=options.stop_on_collapse,
        settings=domain_settings(options),
        overrides=parse_pairs(options.override),
        device=options.device,
        seed=options.seed,
    )


def tune(options: Namespace) -> int:
    """Start a run in its own process and follow it; Ctrl-C or SIGTERM stops it and keeps what it learned."""
    with ended_like_by_ctrl_c():
        run = launcher.start(config_of(options))
    follow(run)
    return report(run, options.json)


@contextmanager
def ended_like_by_ctrl_c() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does: otherwise the run would go on and nobody would watch it."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def follow(run: store.Run) -> None:
    """Print a run's progress until it has ended; Ctrl-C or SIGTERM stops it and waits for that."""
    try:
        with ended_like_by_ctrl_c():
            _until_the_end(run)
    except KeyboardInterrupt:
        if run.state in store.ACTIVE:  # else it ended in this very moment
            run.change(Change(stop=True))
        _until_the_end(run)


def _until_the_end(run: store.Run) -> None:
    """Print figures twice a second on standard error, until the run is over."""
    seen, place = 0, None
    while True:
        over = run.state not in store.ACTIVE
        if (ahead := run.ahead) != place and not over:
            place = ahead
            print("its turn has come" if place is None else f"waiting, {in_words(place)}", file=sys.stderr, flush=True)
        lines, seen = run.curves(seen)
        if lines:
            p = lines[-1]
            print(
                f"\r{p['seconds']:6.1f} s  reward {p['reward']:8.2f}  KL {p['kl']:6.2f}  J {p['j']:8.2f}  "
                f"distinct {p['distinct']:.2f}  {p['steps_per_second']:9,.0f} steps/s{_calls(p)}",
                end="",
                file=sys.stderr,
                flush=True,
            )
        if over:
            print(file=sys.stderr)
            return
        time.sleep(0.5)


def _calls(line: Mapping[str, Any]) -> str:
    """Return the calls so far and the mean reward of the ten best, where they are counted."""
    return f"  {line['calls']:,} calls, best {line['best']:.2f}" if line.get("calls") else ""


def report(run: store.Run, as_json: bool) -> int:
    """Print the final figures of a run that has ended and return 0; SeqTutorError when it has none."""
    status = run.status
    if not status.summary:
        why = status.error or status.message or "no figures were taken; resume it, or gauge or evaluate it as it is"
        raise SeqTutorError(f"the run {run.id} ended as {run.state}: {why}")
    flat = {k: v for k, v in status.summary.items() if k not in ("metrics", "gauge")} | status.summary.get(
        "metrics", {}
    )
    show(status.summary, as_json, two_columns(flat))
    return 0


def bench(options: Namespace) -> None:
    """Tune in this process and time it: environment steps a second over the budget, learning included."""
    config = config_of(options)
    tuner = prepare_tuning(config)
    for _ in range(3):  # warm-up: the first iterations allocate
        iterate(tuner)
    tuner.seconds, tuner.update, before = 0.0, 0, tuner.environment_steps  # the budget begins here
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
    show(result, options.json, two_columns(result))
