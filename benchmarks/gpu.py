"""The GPU beside the CPU of the same machine: the same numbers, how fast by batch, how good after a minute, and where
the time goes. At most 8 minutes; needs torch, numpy, safetensors, filelock and platformdirs only, RDKit for molecules.

python -m benchmarks.gpu [--seconds 60] [--probe 4] [--device cuda] [--only SECTION ...]

Writes benchmarks/results/gpu-CARD.json and prints its tables as Markdown.
"""

import argparse
import json
import os
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu_tables import PHASES, tables
from seqtutor_core import priors
from seqtutor_core.batch_size import for_device
from seqtutor_core.config import TuningConfig
from seqtutor_core.cpu_count import cpu_count
from seqtutor_core.domains.melody import PAPER_TERMS, Melody
from seqtutor_core.features import InputFeatures
from seqtutor_core.gauge import measure_policy, measure_prior
from seqtutor_core.learners import DEFAULT, LEARNERS
from seqtutor_core.network import NetworkSettings, RecurrentNetwork
from seqtutor_core.objective import Objective
from seqtutor_core.policy import Policy
from seqtutor_core.replay import Batch
from seqtutor_core.runs import launcher
from seqtutor_core.runs.store import ACTIVE
from seqtutor_core.tuning import Tuner, iterate, tune

RESULTS = Path(__file__).with_name("results")
BATCHES = (256, 1024, 4096, 16_384)
ITERATIONS = 5  # of a profile
GAUGED = 2048  # sequences
KL = 4.0
NINE = dict.fromkeys(PAPER_TERMS, 1.0)
OBJECTIVES = {"melody": (NINE, KL), "molecule": ({"qed": 40.0, "validity": 20.0}, 2.0)}  # weights and c
MELODY = Melody()
DEEP = {"hidden": 512, "layers": 4}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of tuning before its quality is measured")
    parser.add_argument("--probe", type=float, default=4.0, help="seconds for each speed")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--only", nargs="+", default=[], metavar="SECTION", help="anew, the others as they were kept")
    options = parser.parse_args()
    name = options.device
    fast = partial(speed, seconds=options.probe)
    good = partial(quality, seconds=options.seconds)
    sections: dict[str, Callable[[], Any]] = {
        "machine": lambda: machine(torch.device(name)),
        "correctness": lambda: correctness(torch.device(name)),
        "speed": lambda: [fast(melodies(name, batch)) for batch in BATCHES],
        "not_recorded": lambda: [fast(melodies(name, batch), recorded=False) for batch in (256, 4096)],
        "cpu": lambda: [fast(melodies("cpu", 256))],
        "float32": lambda: [fast(melodies(name, batch, bfloat16=False)) for batch in (256, 4096)],
        "profile": lambda: {batch: profiled(melodies(name, batch)) for batch in (256, 4096)},
        "deep": lambda: [fast(melodies(name, batch, network=deep())) for batch in (256, 4096)],
        "molecules": lambda: [beside_rdkit(molecules(name, batch), options.probe) for batch in (64, 256, 1024)],
        "by_learner": lambda: [fast(melodies(name, 4096, learner)) for learner in LEARNERS],
        "as_the_page_starts_it": lambda: [as_a_run(name, domain, options.seconds) for domain in domains],
        "quality": lambda: [good(melodies(name, batch)) for batch in (4096, 256)],
    }
    domains = ["melody", "molecule"]
    if find_spec("rdkit") is None:
        del sections["molecules"], domains[1]
    RESULTS.mkdir(exist_ok=True)
    card = re.sub(r"[^a-z0-9]+", "-", machine(torch.device(name))["device"].lower()).strip("-")
    path = RESULTS / f"gpu-{card}.json"
    found: dict[str, Any] = json.loads(path.read_text()) if options.only and path.exists() else {}
    for section in options.only or sections:
        found[section] = sections[section]()
        path.write_text(json.dumps(found, indent=1) + "\n")  # whatever comes later, what was measured is kept
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
    tuner = melodies(device.type, 256, learner, bfloat16=False)
    on_device = Batch(*(each.to(device) for each in vars(batch).values()))
    _, gradient = tuner.optimizer.gradient(on_device, partial(tuner.learner.loss, settings=tuner.settings))
    return torch.cat([each.flatten() for each in gradient]).cpu()


def _largest(difference: torch.Tensor) -> float:
    return float(difference.abs().max())


# ---------------------------------------------------------------- speed


def melodies(
    device: str, batch: int, learner: str = DEFAULT, network: RecurrentNetwork | None = None, **overrides: Any
) -> Tuner:
    """Return a job of melodies at c = 4, from the shipped prior unless another is given."""
    if batch != 256:
        overrides |= {"batch": batch, "minibatch": batch}
        if not LEARNERS[learner].on_policy:
            overrides |= {"replay_steps": max(131_072, 4 * batch * MELODY.length)}
    config = TuningConfig("melody", "melody", learner, "default", NINE, KL, overrides=overrides, device=device)
    return Tuner(config, MELODY, network or priors.load("melody").network)


def deep() -> RecurrentNetwork:
    """Return a larger prior as it is before training: what it says does not change how long it takes."""
    small = priors.load("melody").network.settings
    return RecurrentNetwork(NetworkSettings(small.vocabulary, **DEEP, inputs=small.inputs)).eval()


def molecules(device: str, batch: int) -> Tuner:
    """Return a job of molecules, QED and validity at c = 2, from the shipped prior."""
    from seqtutor_core.domains.molecule import Molecule  # RDKit may be missing

    overrides = {"batch": batch, "minibatch": batch}
    objective = OBJECTIVES["molecule"]
    config = TuningConfig("molecule", "molecule", DEFAULT, "default", *objective, overrides=overrides, device=device)
    return Tuner(config, Molecule(), priors.load("molecule").network)


def speed(tuner: Tuner, seconds: float, recorded: bool = True) -> dict[str, Any]:
    """Environment steps and sequences a second, learning included; milliseconds an iteration by phase; gigabytes."""
    device = tuner.device.type
    if not recorded:
        tuner.sampler.play = tuner.sampler.play_shard  # type: ignore[method-assign]
        tuner.optimizer.recorded = None
    if device == "cuda":
        torch.compiler.reset()  # which compiles for eight batches and networks, and no more
        torch.cuda.reset_peak_memory_stats()
    for _ in range(3):  # the first iterations allocate
        iterate(tuner)
    _synchronise(device)
    began, busy, before, iterations = time.perf_counter(), time.process_time(), tuner.environment_steps, 0
    while time.perf_counter() < began + seconds:
        iterate(tuner)
        iterations += 1
    _synchronise(device)
    recordings = tuner.sampler.recorded.recordings.values()
    took, busy = time.perf_counter() - began, time.process_time() - busy
    steps = tuner.environment_steps - before
    with _phases(tuner) as spent:
        for _ in range(ITERATIONS):
            iterate(tuner)
    return {
        "domain": tuner.config.domain,
        "device": device,
        "batch": tuner.batch,
        "learner": tuner.config.learner,
        "units": f"{tuner.network.settings.layers} x {tuner.network.settings.hidden}",
        "bfloat16": tuner.optimizer.bfloat16,
        "recorded": bool(recordings) and None not in recordings,
        "steps_per_second": steps / took,
        "sequences_per_second": iterations * tuner.batch / took,
        "milliseconds": 1000 * took / iterations,
        "host_microseconds": 1e6 * busy / (iterations * tuner.batch),  # of this process, a sequence
        "milliseconds_by_phase": {name: 1000 * each / ITERATIONS for name, each in spent.items()},
        "gigabytes": torch.cuda.max_memory_allocated() / 1e9 if device == "cuda" else None,
    }


def beside_rdkit(tuner: Tuner, seconds: float) -> dict[str, Any]:
    """The same of molecules, and how many new ones RDKit measures a second, all processes, nothing else running."""
    found, sampler = speed(tuner, seconds), tuner.sampler
    if sampler.ahead is not None:  # the processes are at it
        sampler.ahead.wait_for_scores()
    rollout = tuner.policy.sample(4096, sampler.generators[0], sampler.primer.expand(4096, -1))
    began = time.perf_counter()
    sampler.measure(rollout)
    alone = len(rollout.tokens) / (time.perf_counter() - began)
    return found | {"rdkit_alone": alone, "not_rdkit": 1 - found["sequences_per_second"] / alone}


@contextmanager
def _phases(tuner: Tuner) -> Iterator[dict[str, float]]:
    """Seconds in each phase of the iterations inside, the device waited for at both ends."""
    device = tuner.device.type
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


def profiled(tuner: Tuner) -> dict[str, Any]:
    """Kernels an iteration, how much of the time the device computes, and the operations that take most of it."""
    device = tuner.device.type
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


# ---------------------------------------------------------------- as a run, quality


def as_a_run(device: str, domain: str, seconds: float) -> dict[str, Any]:
    """What a run does whose batch was chosen for the device, in a process of its own that writes all it writes."""
    config = TuningConfig(domain, domain, DEFAULT, "default", *OBJECTIVES[domain], seconds=seconds, device=device)
    with TemporaryDirectory() as home, patch.dict(os.environ, SEQTUTOR_HOME=home):
        began = time.monotonic()
        run = launcher.start(for_device(config))
        while not run.status.update and run.state in ACTIVE:
            time.sleep(0.02)
        first = time.monotonic() - began
        while run.state in ACTIVE:
            time.sleep(0.1)
        summary = run.status.summary
        if summary is None:
            raise SystemExit(f"the run of {domain} failed: {run.status.error}")
        batch = run.config.learner_settings.batch
    return {
        "domain": domain,
        "device": device,
        "batch": batch,
        "seconds_to_first_update": first,
        "steps_per_second": summary["environment_steps_per_second"],
        "sequences_per_second": summary["updates"] * batch / summary["seconds"],
        "updates": summary["updates"],
        "j": summary["j"],
    }


def quality(tuner: Tuner, seconds: float) -> dict[str, Any]:
    """What a job reached after `seconds`, and its gauge."""
    tuner.config = replace(tuner.config, seconds=seconds)
    *_, last = tune(tuner)
    against = measure_prior(Policy(MELODY, tuner.prior), Objective(MELODY, NINE, KL), GAUGED, seed=1)
    gauge = measure_policy(tuner.policy, against, GAUGED, seed=2)
    return {
        "batch": tuner.batch,
        "bfloat16": tuner.optimizer.bfloat16,
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


if __name__ == "__main__":
    main()
