"""The GPU beside the CPU of the same machine: the same numbers, how fast by batch, how good after a minute, and where
the time goes. At most 8 minutes; needs torch, numpy, safetensors, filelock and platformdirs only.

python -m benchmarks.gpu [--seconds 60] [--probe 4] [--device cuda]

Writes benchmarks/results/gpu-CARD.json and prints its tables as Markdown.
"""

import argparse
import json
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from seqtutor_core import priors
from seqtutor_core.config import TuningConfig
from seqtutor_core.cpu_count import cpu_count
from seqtutor_core.domains.melody import PAPER_TERMS, Melody
from seqtutor_core.features import InputFeatures
from seqtutor_core.gauge import measure_policy, measure_prior
from seqtutor_core.learners import DEFAULT, LEARNERS
from seqtutor_core.objective import Objective
from seqtutor_core.policy import Policy
from seqtutor_core.recorded import Recorded
from seqtutor_core.replay import Batch
from seqtutor_core.tuning import Tuner, iterate, tune

RESULTS = Path(__file__).with_name("results")
BATCHES = (256, 1024, 4096, 16_384)
ITERATIONS = 5  # of a profile
GAUGED = 2048  # sequences
KL = 4.0
NINE = dict.fromkeys(PAPER_TERMS, 1.0)
MELODY = Melody()
PHASES = ("rollout", "learning")
SPEEDS = ("speed", "speed_by_learner", "speed_unrecorded", "speed_cpu")  # sections of speeds, as they are shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of tuning before its quality is measured")
    parser.add_argument("--probe", type=float, default=4.0, help="seconds for each speed")
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    name, probe = options.device, options.probe
    found: dict[str, Any] = {"machine": machine(torch.device(name))}
    sections: dict[str, Callable[[], Any]] = {
        "correctness": lambda: correctness(torch.device(name)),
        "speed": lambda: [speed(name, batch, probe) for batch in BATCHES],
        "speed_unrecorded": lambda: [speed(name, batch, probe, recorded=False) for batch in (256, 4096)],
        "speed_cpu": lambda: [speed("cpu", 256, probe)],
        "profile": lambda: {batch: profiled(name, batch) for batch in (256, 4096)},
        "quality_4096": lambda: quality(name, 4096, options.seconds),
        "quality_256": lambda: quality(name, 256, options.seconds),
        "speed_by_learner": lambda: [speed(name, 4096, probe, learner) for learner in LEARNERS],
    }
    RESULTS.mkdir(exist_ok=True)
    card = re.sub(r"[^a-z0-9]+", "-", found["machine"]["device"].lower()).strip("-")
    for section, measure_it in sections.items():
        found[section] = measure_it()
        # after each section, so that what was measured is kept whatever comes later
        (RESULTS / f"gpu-{card}.json").write_text(json.dumps(found, indent=1) + "\n")
    print("\n".join(tables(found)))


def machine(device: torch.device) -> dict[str, Any]:
    """What was measured on."""
    card = torch.cuda.get_device_properties(0) if device.type == "cuda" else None
    return {
        "device": card.name if card else "cpu",
        "memory_gib": round(card.total_memory / 2**30, 1) if card else None,
        "cores": cpu_count(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
    }


# ---------------------------------------------------------------- correctness


def correctness(device: torch.device) -> dict[str, float]:
    """The largest differences from the CPU: scores, log-probabilities in nats, gradients relative to their length."""
    network = priors.load("melody").network
    rollout = Policy(MELODY, network).sample(1024, torch.Generator().manual_seed(0))
    scores = MELODY.score(rollout.tokens)
    found = {"score": _largest(MELODY.score(rollout.tokens.to(device)).cpu() - scores)}
    here = priors.load("melody").network.to(device)
    there = Policy(MELODY, here).sample(1024, torch.Generator(device).manual_seed(0))
    features = InputFeatures.select(MELODY.features, network.settings.inputs)
    with torch.no_grad():
        ids, start = features.sequence_ids(there.tokens.cpu(), there.primer.cpu()), there.primer.shape[1]
        log_p = network(ids, start).logits.log_softmax(-1)
        whole = here(ids.to(here.device), start).logits.log_softmax(-1)
    found["log_prior_stepwise"] = _largest(there.log_prior.cpu() - log_p)
    found["log_prior_whole"] = _largest(whole.cpu() - log_p)
    reward = scores[..., : len(NINE)].sum(-1).float() / KL
    batch = Batch(rollout.tokens, rollout.primer, rollout.mask.float(), rollout.log_prior, reward)
    for learner in LEARNERS:
        one, two = (_gradient(batch, learner, each) for each in (torch.device("cpu"), device))
        found[f"gradient_{learner}"] = float((one - two).norm() / one.norm())
    return found


def _gradient(batch: Batch, learner: str, device: torch.device) -> torch.Tensor:
    tuner = _tuner(device.type, 256, learner)
    on_device = Batch(*(each.to(device) for each in vars(batch).values()))
    _, gradient = tuner.optimizer.gradient(on_device, partial(tuner.learner.loss, settings=tuner.settings))
    return torch.cat([each.flatten() for each in gradient]).cpu()


def _largest(difference: torch.Tensor) -> float:
    return float(difference.abs().max())


# ---------------------------------------------------------------- speed


def _tuner(device: str, batch: int, learner: str = DEFAULT, seconds: float = 60.0) -> Tuner:
    many = {"batch": batch, "minibatch": batch, "replay_steps": max(131_072, 4 * batch * MELODY.length)}
    overrides = many if batch != 256 else {}
    config = TuningConfig("melody", "melody", learner, "default", NINE, KL, seconds, overrides=overrides, device=device)
    return Tuner(config, MELODY, priors.load("melody").network)


def speed(device: str, batch: int, seconds: float, learner: str = DEFAULT, recorded: bool = True) -> dict[str, Any]:
    """Environment steps a second, learning included; milliseconds an iteration by phase; gigabytes at most."""
    tuner = _tuner(device, batch, learner)
    if not recorded:
        tuner.sampler.play = tuner.sampler.play_shard
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    for _ in range(3):  # the first iterations allocate
        iterate(tuner)
    _synchronise(device)
    began, before, iterations = time.perf_counter(), tuner.environment_steps, 0
    while time.perf_counter() < began + seconds:
        iterate(tuner)
        iterations += 1
    _synchronise(device)
    play = tuner.sampler.play
    recordings = play.recordings if isinstance(play, Recorded) else None
    took, steps = time.perf_counter() - began, tuner.environment_steps - before
    with _phases(tuner, device) as spent:
        for _ in range(ITERATIONS):
            iterate(tuner)
    return {
        "batch": batch,
        "learner": learner,
        "recorded": recordings is not None and None not in recordings.values(),
        "steps_per_second": steps / took,
        "milliseconds": 1000 * took / iterations,
        "milliseconds_by_phase": {name: 1000 * each / ITERATIONS for name, each in spent.items()},
        "gigabytes": torch.cuda.max_memory_allocated() / 1e9 if device == "cuda" else None,
    }


@contextmanager
def _phases(tuner: Tuner, device: str) -> Iterator[dict[str, float]]:
    """Seconds in each phase of the iterations inside, the device waited for at both ends."""
    spent: dict[str, float] = defaultdict(float)

    def timed(method: Callable[..., Any], phase: str) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            _synchronise(device)
            began = time.perf_counter()
            result = method(*arguments)
            _synchronise(device)
            spent[phase] += time.perf_counter() - began
            return result

        return run

    sample, step = tuner.sampler.sample, tuner.optimizer.step
    tuner.sampler.sample = timed(sample, PHASES[0])  # type: ignore[method-assign]
    tuner.optimizer.step = timed(step, PHASES[1])  # type: ignore[method-assign]
    yield spent
    tuner.sampler.sample, tuner.optimizer.step = sample, step  # type: ignore[method-assign]


def _synchronise(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def profiled(device: str, batch: int) -> dict[str, Any]:
    """Kernels an iteration, how much of the time the device computes, and the operations that take most of it."""
    tuner = _tuner(device, batch)
    for _ in range(3):
        iterate(tuner)
    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device == "cuda" else [])]
    _synchronise(device)
    with profile(activities=kinds, acc_events=True) as recorded:
        began = time.perf_counter()
        for _ in range(ITERATIONS):
            iterate(tuner)
        _synchronise(device)
        took = time.perf_counter() - began
    kernels = [event for event in recorded.events() if event.device_type.name == "CUDA"]
    busy = sum(event.device_time_total for event in kernels) / 1e6  # microseconds before
    by_name = recorded.key_averages()
    key = "self_device_time_total" if device == "cuda" else "self_cpu_time_total"
    top = sorted(by_name, key=lambda each: -getattr(each, key))[:12]
    synchronised = {"aten::nonzero", "aten::_local_scalar_dense"}
    return {
        "kernels": len(kernels) / ITERATIONS,
        "device_busy": busy / took,
        "host_waits": {e.key: e.count / ITERATIONS for e in by_name if e.key in synchronised},
        "top": [[each.key[:80], getattr(each, key) / 1000 / ITERATIONS, each.count / ITERATIONS] for each in top],
    }


# ---------------------------------------------------------------- quality


def quality(device: str, batch: int, seconds: float) -> dict[str, Any]:
    """The default learner after `seconds` at c = 4, and its gauge."""
    tuner = _tuner(device, batch, seconds=seconds)
    *_, last = tune(tuner)
    against = measure_prior(Policy(MELODY, tuner.prior), Objective(MELODY, NINE, KL), GAUGED, seed=1)
    gauge = measure_policy(tuner.policy, against, GAUGED, seed=2)
    return {
        "batch": batch,
        "seconds": seconds,
        "updates": last.counters.update,
        "steps_per_second": tuner.environment_steps / tuner.seconds,
        "j": gauge.j,
        "j_error": gauge.j_error,
        "log_z_at_least": gauge.log_z_at_least,
        "at_most": gauge.at_most,
        "reward": gauge.reward,
        "kl": gauge.kl,
        "entropy": gauge.entropy,
        "distinct": gauge.distinct,
    }


# ---------------------------------------------------------------- tables


def tables(found: dict[str, Any]) -> list[str]:
    """Markdown for docs/performance.md."""
    m, (cpu,) = found["machine"], found["speed_cpu"]
    differences = [(name, f"{value:.1e}") for name, value in found["correctness"].items()]
    lines = [f"{m['device']}, {m['memory_gib']} GiB, {m['cores']} cores, torch {m['torch']}", ""]
    lines += _table(("largest difference from the CPU", ""), differences)
    rows: list[tuple[Any, ...]] = []
    for each in (row for section in SPEEDS for row in found[section]):
        phases = each["milliseconds_by_phase"]
        rows.append(
            (
                f"{each['learner']}{', CPU' if each is cpu else ''}",
                f"{each['batch']:,}",
                "yes" if each["recorded"] else "no",
                f"{each['steps_per_second']:,.0f}",
                f"{each['steps_per_second'] / cpu['steps_per_second']:.1f}",
                f"{each['milliseconds']:.0f}",
                *(f"{phases[name]:.0f}" for name in PHASES),
                f"{each['gigabytes']:.2f}" if each["gigabytes"] is not None else "",
            )
        )
    head = ("learner", "batch", "recorded", "steps a second", "times the CPU", "ms an iteration", *PHASES, "GB")
    lines += ["", *_table(head, rows)]
    rows = [
        (batch, f"{p['kernels']:,.0f}", f"{p['device_busy']:.0%}", f"{sum(p['host_waits'].values()):.0f}")
        for batch, p in found["profile"].items()
    ]
    lines += ["", *_table(("batch", "kernels an iteration", "device busy", "host waits"), rows)]
    names = ("batch", "updates", "j", "log_z_at_least", "at_most", "reward", "kl", "entropy", "distinct")
    rows = [tuple(_short(found[f"quality_{batch}"][name]) for name in names) for batch in (256, 4096)]
    return [*lines, "", *_table(names, rows)]


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[str]:
    return ["| " + " | ".join(map(str, row)) + " |" for row in (head, ["---"] * len(head), *rows)]


def _short(value: Any) -> str:
    if not isinstance(value, float):
        return f"{value:,}"
    return f"{value:.3f}" if abs(value) < 1 else f"{value:,.1f}"


if __name__ == "__main__":
    main()
