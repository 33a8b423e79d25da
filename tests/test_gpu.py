"""The GPU path gives the CPU's numbers. Needs torch, numpy, safetensors, filelock and platformdirs, no app.

python -m pytest -m gpu tests/test_gpu.py
"""

import gc
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqtutor_core import priors
from seqtutor_core.config import TuningConfig
from seqtutor_core.domains.melody import PAPER_TERMS, Melody
from seqtutor_core.domains.melody.correlation import correlations
from seqtutor_core.gauge import measure_policy, measure_prior
from seqtutor_core.learners import LEARNERS, PUBLISHED
from seqtutor_core.network import RecurrentNetwork
from seqtutor_core.objective import Objective
from seqtutor_core.own_rewards import Score
from seqtutor_core.parallel import ShardPool
from seqtutor_core.policy import Policy
from seqtutor_core.preview import draw_preview
from seqtutor_core.recorded import Recorded
from seqtutor_core.replay import Batch
from seqtutor_core.runs import launcher, store
from seqtutor_core.runs.checkpoints import load_checkpoint, save_checkpoint
from seqtutor_core.tuning import Tuner, iterate, loop, tune
from seqtutor_core.tuning.optim import PolicyOptimizer
from tests.tiny import outputs

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.filterwarnings("error:RNN module weights"),
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device that torch can use"),
]
CPU, GPU = torch.device("cpu"), torch.device("cuda")
NINE = dict.fromkeys(PAPER_TERMS, 1.0)
MELODY = Melody()


@pytest.fixture(scope="module")
def network() -> RecurrentNetwork:
    return priors.load("melody").network


def random_melodies(n: int, seed: int = 0) -> torch.Tensor:
    """Any tokens (n, 32), half of them from few notes, so that rules and exact ties are met often."""
    tokens = torch.from_numpy(np.random.default_rng(seed).integers(0, 38, (n, 32)))
    tokens[: n // 2] %= 4
    return tokens


def sampled_batch(network: RecurrentNetwork, n: int = 64, seed: int = 3) -> Batch:
    """Melodies of the prior with their rewards at c = 4, on the CPU."""
    rollout = Policy(MELODY, network).sample(n, torch.Generator().manual_seed(seed))
    reward = MELODY.score(rollout.tokens)[..., : len(PAPER_TERMS)].sum(-1).float() / 4
    return Batch(rollout.tokens, rollout.primer, rollout.mask.float(), rollout.log_prior, reward)


def on(batch: Batch, device: torch.device) -> Batch:
    return Batch(*(each.to(device) for each in vars(batch).values()))


def config(device: str, learner: str = "psi", updates: int = 6, **overrides: Any) -> TuningConfig:
    small = {"batch": 64, "minibatch": 64, "bfloat16": False} | overrides
    return TuningConfig("melody", "melody", learner, weights=NINE, updates=updates, overrides=small, device=device)


# ---------------------------------------------------------------- sampling


def test_a_rollout_has_the_log_probabilities_that_the_cpu_gives_its_melodies(network: RecurrentNetwork) -> None:
    tuner = Tuner(config("cuda"), MELODY, network)
    rollout = tuner.policy.sample(512, tuner.sampler.generators[0])
    assert rollout.tokens.device.type == "cuda"
    with torch.no_grad():
        expected = outputs(network, rollout.tokens.cpu(), rollout.primer.cpu(), MELODY).logits.log_softmax(-1)
        whole = outputs(tuner.prior, rollout.tokens, rollout.primer, MELODY).logits.log_softmax(-1)
    torch.testing.assert_close(rollout.log_prior.cpu(), expected, rtol=0, atol=2e-4)
    torch.testing.assert_close(rollout.log_policy.cpu(), expected, rtol=0, atol=2e-4)  # it starts as the prior
    torch.testing.assert_close(whole.cpu(), expected, rtol=0, atol=2e-4)  # the whole sequence at once


def test_the_gpu_samples_as_often_as_it_should(network: RecurrentNetwork) -> None:
    """First tokens: counts of 20,000 melodies against 20,000 p, within five standard deviations."""
    prior, n = priors.load("melody").network.to(GPU), 20_000
    rollout = Policy(MELODY, prior).sample(n, torch.Generator(GPU).manual_seed(0))
    counts = torch.bincount(rollout.tokens[:, 0], minlength=38).double().cpu()
    p = outputs(network, torch.zeros(1, 1, dtype=torch.long), space=MELODY).logits[0, 0].softmax(-1).double()
    deviation = (n * p * (1 - p)).sqrt()
    assert ((counts - n * p).abs() <= 5 * deviation + 1).all()


def test_same_seed_same_melodies(network: RecurrentNetwork) -> None:
    one, two = (
        Tuner(config("cuda"), MELODY, network).policy.sample(256, torch.Generator(GPU).manual_seed(7)).tokens
        for _ in range(2)
    )
    assert torch.equal(one, two)


# ---------------------------------------------------------------- scoring


def test_every_term_is_scored_as_on_the_cpu() -> None:
    tokens = random_melodies(4096)
    torch.testing.assert_close(MELODY.score(tokens.to(GPU)).cpu(), MELODY.score(tokens), rtol=0, atol=1e-12)


def test_exact_ties_of_the_autocorrelation_are_decided_alike() -> None:
    tokens = random_melodies(4096, seed=1)
    r, above = correlations(tokens)
    assert ((20 * r.abs() - 3).abs() < 1e-12).any((1, 2)).all(), "the melodies should hold ties at each lag"
    r_gpu, above_gpu = correlations(tokens.to(GPU))
    assert torch.equal(above_gpu.cpu(), above)
    torch.testing.assert_close(r_gpu.cpu(), r, rtol=1e-14, atol=0, equal_nan=True)


def test_metrics_are_the_same() -> None:
    tokens = random_melodies(2048, seed=2)
    assert MELODY.metrics(tokens.to(GPU)) == pytest.approx(MELODY.metrics(tokens), rel=1e-9, nan_ok=True)


def test_recorded_scores_decide_ties_alike() -> None:
    tokens = random_melodies(4096)
    there = tokens.to(GPU)
    recorded = Recorded(lambda: MELODY.score(there), [])
    torch.testing.assert_close(recorded().cpu(), MELODY.score(tokens), rtol=0, atol=1e-12)
    assert recorded.recordings[()] is not None


# ---------------------------------------------------------------- learning


def test_a_recorded_rollout_is_the_one_that_would_be_sampled(network: RecurrentNetwork) -> None:
    recorded, plain = (Tuner(config("cuda"), MELODY, network) for _ in range(2))
    for _ in range(2):  # the recording goes on with the random numbers, as sampling does
        one, two = recorded.sampler.play((0, 64, None)), plain.sampler.play_shard((0, 64, None))
        assert torch.equal(one[0].tokens, two[0].tokens)
        torch.testing.assert_close(one[1], two[1])
    assert recorded.sampler.recorded.recordings[((0, 64, None),)] is not None


@pytest.mark.parametrize("prior", ["molecule", "molecule-zinc"])
def test_a_recorded_rollout_of_molecules_is_the_one_that_would_be_sampled(prior: str) -> None:
    """It goes on to the last step, whatever has ended."""
    pytest.importorskip("rdkit", reason="RDKit is not installed")
    from seqtutor_core.domains.molecule import Molecule, MoleculeSettings

    domain, network = Molecule(MoleculeSettings.of(priors.domain_settings(prior))), priors.load(prior).network
    asked = TuningConfig("molecule", prior, weights={"qed": 40.0}, kl_coefficient=1.0, updates=5, device="cuda")
    recorded, plain = (Tuner(asked, domain, network) for _ in range(2))
    for _ in range(2):
        (one, _), (two, _) = recorded.sampler.play((0, 64, None)), plain.sampler.play_shard((0, 64, None))
        assert torch.equal(one.tokens, two.tokens) and torch.equal(one.lengths, two.lengths)
        assert len(set(one.lengths.tolist())) > 5
    assert recorded.sampler.recorded.recordings[((0, 64, None),)] is not None


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_recorded_update_is_the_one_that_would_be_computed(learner: str, network: RecurrentNetwork) -> None:
    tuner = Tuner(config("cuda", learner), MELODY, network)
    for seed in (1, 2):  # the second is learned from in the places of the first
        batch = on(sampled_batch(network, seed=seed), GPU)
        recorded = [each.clone() for each in tuner.optimizer.gradient(batch, tuner.loss)[1]]
        _, plain = tuner.optimizer._gradient(tuner.loss, *vars(batch).values())
        for one, two in zip(recorded, plain, strict=True):
            torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-3 * float(two.abs().max()))
    assert tuner.optimizer.recorded is not None
    assert None not in tuner.optimizer.recorded.recordings.values()


def test_kernels_are_fused(network: RecurrentNetwork, caplog: pytest.LogCaptureFixture) -> None:
    """A rollout then is a third of the kernels; where Triton or a C compiler is missing a warning says so."""
    tuner = Tuner(config("cuda"), MELODY, network)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as recorded:
        tuner.sampler.play((0, 64, None))
        torch.cuda.synchronize()
    assert not caplog.records
    assert any("triton" in event.name for event in recorded.events())


def test_an_iteration_never_waits_for_the_gpu(network: RecurrentNetwork) -> None:
    """Only the report of it does."""
    tuner = Tuner(config("cuda", updates=100), MELODY, network)
    for _ in range(3):
        iterate(tuner)
    torch.cuda.set_sync_debug_mode("error")
    try:
        loop._iterate(tuner)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_a_recorded_rollout_follows_the_policy_as_it_learns(network: RecurrentNetwork) -> None:
    tuner = Tuner(config("cuda", learning_rate=1e-2), MELODY, network)
    before = tuner.sampler.play((0, 64, None))[0].log_policy.clone()
    for _ in range(5):
        iterate(tuner)
    rollout, _ = tuner.sampler.play((0, 64, None))
    with torch.no_grad():
        now = outputs(tuner.network, rollout.tokens, rollout.primer, MELODY)
    torch.testing.assert_close(rollout.log_policy, tuner.learner.log_policy(now, rollout.log_prior), rtol=0, atol=2e-4)
    assert (rollout.log_policy[:, 0] - before[:, 0]).abs().max() > 0.1


def test_an_own_reward_counts_from_when_it_gets_a_weight(
    network: RecurrentNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other processes compute it, so a rollout that was recorded before knows nothing of it."""
    monkeypatch.setattr(Melody, "_own_scores", lambda self, term, tokens: [Score(values=(2.0,))] * len(tokens))
    domain = Melody()
    tuner = Tuner(config("cuda"), domain, network)
    column = [term.name for term in domain.terms].index("own")
    assert (iterate(tuner).sums[:, column] == 0).all()
    domain.own.active.append("own")
    assert (iterate(tuner).sums[:, column] == 2).all()


@pytest.mark.parametrize(
    ("learner", "settings"),
    [(name, {}) for name in LEARNERS] + [(name, {"values_from_logits": True}) for name in PUBLISHED],
)
def test_an_update_moves_the_policy_as_on_the_cpu(
    learner: str, settings: dict[str, bool], network: RecurrentNetwork
) -> None:
    """Loss and gradient of one batch, then the parameters after three steps."""
    batch, after = sampled_batch(network), {}
    for device in (CPU, GPU):
        tuner = Tuner(config(device.type, learner, **settings), MELODY, network)
        shards = ShardPool(device)
        shards.size = 1  # log Z and the baseline are means over a shard
        optimizer = PolicyOptimizer(tuner.network, tuner.policy.features, tuner.settings, shards)
        rule = partial(tuner.learner.loss, settings=tuner.settings)
        loss, gradient = optimizer.gradient(on(batch, device), rule)
        loss, gradient = loss.clone(), tuple(each.clone() for each in gradient)  # the next step overwrites them
        for _ in range(3):
            optimizer.step(on(batch, device), rule, 1e-3)
        flat = [
            torch.cat([p.detach().cpu().flatten() for p in each]) for each in (gradient, tuner.network.parameters())
        ]
        after[device.type] = loss.cpu(), *flat
    torch.testing.assert_close(after["cuda"][0], after["cpu"][0], rtol=1e-4, atol=1e-4)
    assert (after["cuda"][1] - after["cpu"][1]).norm() < 1e-3 * after["cpu"][1].norm()
    start = torch.cat(
        [p.detach().flatten() for p in Tuner(config("cpu", learner), MELODY, network).network.parameters()]
    )
    moved = (after["cpu"][2] - start).norm()
    assert moved > 0
    assert (after["cuda"][2] - after["cpu"][2]).norm() < 0.02 * moved


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_short_run_learns(learner: str, network: RecurrentNetwork) -> None:
    steps = list(tune(Tuner(config("cuda", learner, updates=40, batch=256, minibatch=256), MELODY, network)))
    assert steps[-1].metrics.j > steps[0].metrics.j + 5
    assert np.isfinite([p.metrics.loss for p in steps]).all()


@pytest.mark.parametrize("warm_start", [False, True])
def test_bfloat16_and_a_warm_start_run(warm_start: bool, network: RecurrentNetwork) -> None:
    asked = TuningConfig(
        "melody",
        "melody",
        weights=NINE,
        updates=20,
        overrides={"bfloat16": True},
        device="cuda",
        warm_start=warm_start,
        kl_budget=6.0,
    )
    steps = list(tune(Tuner(asked, MELODY, network)))
    assert steps[-1].metrics.j > steps[0].metrics.j


def test_molecules_learn_on_the_gpu() -> None:
    """The network there, RDKit on the host: log-probabilities as on the CPU, and terms for every molecule."""
    pytest.importorskip("rdkit", reason="RDKit is not installed")
    from seqtutor_core.domains.molecule import Molecule

    molecule, network = Molecule(), priors.load("molecule").network
    asked = TuningConfig("molecule", "molecule", weights={"qed": 40.0}, kl_coefficient=1.0, updates=5, device="cuda")
    steps = list(tune(Tuner(asked, molecule, network)))
    assert steps[-1].metrics.figures["valid"] > 0.9
    prior = Policy(molecule, priors.load("molecule").network.to(GPU))
    rollout = prior.sample(256, torch.Generator(GPU).manual_seed(0))
    with torch.no_grad():
        expected = outputs(network, rollout.tokens.cpu(), space=molecule).logits.log_softmax(-1)
    there, here = (each[rollout.mask.cpu()] for each in (rollout.log_prior.cpu(), expected))
    torch.testing.assert_close(there, here, rtol=0, atol=2e-4)


# ---------------------------------------------------------------- checkpoints, memory, workers


def test_resumed_is_as_if_never_stopped(network: RecurrentNetwork, tmp_path: Path) -> None:
    whole = list(tune(Tuner(config("cuda"), MELODY, network)))
    first = Tuner(config("cuda"), MELODY, network)
    steps = tune(first)
    for _ in range(3):
        next(steps)
    save_checkpoint(tmp_path, *first.state_dict(), update=3)
    second = Tuner(config("cuda"), MELODY, network)
    checkpoint = load_checkpoint(tmp_path)
    assert checkpoint is not None
    second.load_state_dict(checkpoint.tensors, checkpoint.plain)
    rest = list(tune(second))
    assert torch.equal(rest[0].tokens, whole[3].tokens)
    assert rest[-1].metrics.j == pytest.approx(whole[-1].metrics.j, abs=0.5)  # the GPU adds gradients in no fixed order


@pytest.mark.parametrize(("one", "other"), [("cuda", "cpu"), ("cpu", "cuda")])
def test_a_run_goes_on_on_another_device(one: str, other: str, network: RecurrentNetwork, tmp_path: Path) -> None:
    first = Tuner(config(one), MELODY, network)
    steps = tune(first)
    for _ in range(3):
        next(steps)
    save_checkpoint(tmp_path, *first.state_dict(), update=3)
    checkpoint = load_checkpoint(tmp_path)
    assert checkpoint is not None
    second = Tuner(config(other), MELODY, network)
    second.load_state_dict(checkpoint.tensors, checkpoint.plain)
    pairs = zip(first.network.parameters(), second.network.parameters(), strict=True)
    assert all(torch.equal(a.cpu(), b.cpu()) for a, b in pairs)
    assert torch.equal(first.replay.store["tokens"][:192].cpu(), second.replay.store["tokens"][:192].cpu())
    assert [p.counters.update for p in tune(second)] == [4, 5, 6]


def test_out_of_memory_halves_the_batch(network: RecurrentNetwork) -> None:
    """A rollout of 16,384 melodies takes about a gigabyte; here it gets a few hundred megabytes more than nothing."""
    tuner = Tuner(config("cuda", updates=1, batch=16_384, minibatch=64), MELODY, network)
    total = torch.cuda.get_device_properties(0).total_memory
    gc.collect()  # tuners of other tests, which hold recordings
    torch.cuda.empty_cache()
    # the replay memory is made for the batch that was asked for; leave room for it
    room = torch.cuda.memory_reserved() + 16_384 * 32 * (38 + 20) * 4 + 300 * 2**20
    torch.cuda.set_per_process_memory_fraction(room / total)
    try:
        progress = iterate(tuner)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()
    assert tuner.batch < 16_384
    assert progress.message == f"out of memory: the batch is now {tuner.batch} sequences"
    assert len(progress.tokens) == tuner.batch


def test_preview_and_gauge_agree_with_the_cpu(network: RecurrentNetwork) -> None:
    """log Z at c = 8 by 4,096 particles; and a gauge of the prior itself."""
    estimates, gauges = [], []
    for device in (CPU, GPU):
        prior = Policy(MELODY, priors.load("melody").network.to(device))
        objective = Objective(MELODY, NINE, 8.0)
        estimates.append(draw_preview(prior, objective, n=4096).samples.log_z)
        against = measure_prior(prior, objective, 2048, seed=1)
        tuner = Tuner(config(device.type), MELODY, network)
        gauges.append(measure_policy(tuner.policy, against, 2048, seed=2))
    assert estimates[1] == pytest.approx(estimates[0], abs=0.7)
    assert gauges[1].j == pytest.approx(gauges[0].j, abs=6 * gauges[0].j_error)
    assert gauges[1].log_z_at_least == pytest.approx(gauges[0].log_z_at_least, abs=1.5)


def test_a_worker_runs_on_the_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    run = launcher.start(config("cuda", updates=30))
    deadline = time.monotonic() + 120
    while run.state in store.ACTIVE and time.monotonic() < deadline:
        time.sleep(0.1)
    status = run.status
    assert (status.state, status.device, status.error) == ("finished", "cuda", "")
    assert status.summary is not None
    assert status.summary["updates"] == 30
    assert status.summary["gauge"]["log_z_at_least"] > status.summary["j"] - 1
    assert store.load_policy(run).device.type == "cpu"


def test_a_run_on_the_gpu_stops_and_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))
    run = launcher.start(config("cuda", updates=100_000))
    deadline = time.monotonic() + 60  # each of the two workers compiles first
    while run.status.update < 5 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert launcher.stop(run, wait=10)
    stopped = run.status
    assert (stopped.state, stopped.error) == ("stopped", "")
    assert stopped.update >= 5
    launcher.resume(run)
    deadline = time.monotonic() + 60
    while run.status.update <= stopped.update and time.monotonic() < deadline:
        time.sleep(0.05)
    assert run.status.update > stopped.update
    assert launcher.stop(run, wait=10)
