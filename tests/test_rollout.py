"""Network, rollout and replay: one step at a time equals whole sequences, and nothing is mixed up on the way."""

import math
from dataclasses import replace

import pytest
import torch

from seqtutor_core import priors
from seqtutor_core.domains.melody import Melody, MelodySettings
from seqtutor_core.errors import SettingError
from seqtutor_core.features import InputFeatures
from seqtutor_core.network import NetworkSettings, RecurrentNetwork
from seqtutor_core.objective import Objective
from seqtutor_core.parallel import ShardPool, shard_sizes
from seqtutor_core.policy import Policy
from seqtutor_core.replay import Replay
from seqtutor_core.rollout import Rollout, divergence, gather_actions, sequence_mask
from seqtutor_core.stepper import Stepper
from tests.tiny import Tiny, outputs, tiny_prior

PRIOR = Policy(Tiny(), tiny_prior())
ONES = Objective(Tiny(), {"rise": 1.0, "close": 1.0}, 1.0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("primer", [0, 5])
@pytest.mark.parametrize("bar", [16, 12])
def test_steps_equal_the_whole(layers: int, primer: int, bar: int) -> None:
    torch.manual_seed(1)
    melody = Melody(MelodySettings(bar=bar, length=20))
    features = InputFeatures(melody.features)
    network = RecurrentNetwork(NetworkSettings(38, hidden=12, layers=layers, inputs=features.sizes)).eval()
    other = RecurrentNetwork(network.settings).eval()
    torch.nn.init.normal_(network.value.weight)
    tokens = torch.randint(38, (3, primer + 20), generator=generator())
    tokens[torch.rand(tokens.shape, generator=generator()) < 0.5] = 1
    with torch.no_grad():
        whole = outputs(network, tokens[:, primer:], tokens[:, :primer], melody)
    stepper, seen = Stepper([other, network], 3), features.begin(tokens[:, :primer], 20)
    for t in range(primer + 20):
        _, output = stepper.step(seen.ids())
        seen.append(tokens[:, t])
        if t >= primer:
            torch.testing.assert_close(output.logits, whole.logits[:, t - primer], atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(output.value, whole.value[:, t - primer], atol=1e-5, rtol=1e-4)


def test_sequences_of_many_lengths_are_read_in_groups_of_about_one() -> None:
    """Outputs and gradients are those of all read as long as the longest."""
    network = tiny_prior()
    torch.nn.init.normal_(network.value.weight)
    ids = InputFeatures(Tiny.features).sequence_ids(torch.randint(3, (60, 20), generator=generator()))
    lengths = torch.randint(1, 19, (60,), generator=generator(1))
    mask = sequence_mask(lengths, 20)
    found = []
    for given in (None, lengths):
        logits, value = network(ids, 0, given)
        loss = (logits.sigmoid().sum(-1) * value * mask).sum()
        gradients = torch.autograd.grad(loss, list(network.parameters()))
        found.append((logits[mask], value[mask], *gradients))
    for whole, grouped in zip(*found, strict=True):
        torch.testing.assert_close(grouped, whole, atol=1e-4, rtol=1e-5)


def test_sampled_tokens_follow_the_probabilities() -> None:
    prior = tiny_prior()
    rollout = Policy(Tiny(), prior).sample(20_000, generator())
    first = torch.bincount(rollout.tokens[:, 0], minlength=3) / 20_000
    torch.testing.assert_close(first, rollout.log_prior[0, 0].exp(), atol=0.015, rtol=0)
    with torch.no_grad():
        again = outputs(prior, rollout.tokens).logits.log_softmax(-1)
    torch.testing.assert_close(rollout.log_prior, again, atol=1e-5, rtol=1e-4)


def test_same_seed_same_melodies_and_a_primer_is_heard() -> None:
    prior = Policy(Melody(), priors.load("melody").network)
    one, two = (prior.sample(4, generator(3)).tokens for _ in range(2))
    assert torch.equal(one, two)
    low, high = (prior.sample(64, generator(3), [p] * 16) for p in (7, 31))
    first = [float(gather_actions(r.log_prior[:, :1], torch.full((64, 1), 31))[0]) for r in (low, high)]
    assert first[1] > first[0] + 1  # after a high note, a high note is likelier


def test_an_end_token_ends() -> None:
    class Ending(Tiny):
        end: int | None = 2

    rollout = Policy(Ending(), tiny_prior()).sample(500, generator())
    for tokens, length in zip(rollout.tokens.tolist(), rollout.lengths.tolist(), strict=True):
        assert tokens.index(2) + 1 == length if 2 in tokens[:length] else length == 4
    assert rollout.mask.sum() == rollout.lengths.sum()


def test_greedy_without_exploration_takes_the_likeliest() -> None:
    rollout = PRIOR.sample(8, generator(), epsilon=0.0)
    assert torch.equal(rollout.tokens, rollout.log_prior.argmax(-1))


def test_divergence_by_hand_stops_at_the_end() -> None:
    half, sure = [0.5, 0.25, 0.25], [0.98, 0.01, 0.01]
    log_prior, log_policy = (torch.tensor(each).log().expand(2, 4, 3) for each in (half, sure))
    whole = PRIOR.sample(2, generator())
    rollout = replace(whole, log_prior=log_prior, log_policy=log_policy, lengths=torch.tensor([4, 1]))
    kl = 0.98 * math.log(0.98 / 0.5) + 2 * 0.01 * math.log(0.01 / 0.25)
    entropy = -0.98 * math.log(0.98) - 2 * 0.01 * math.log(0.01)
    found = divergence(rollout)
    torch.testing.assert_close(found, (torch.tensor([4 * kl, kl]), torch.tensor([4 * entropy, entropy])))


# ---------------------------------------------------------------- replay


def test_replay_reweights_what_was_seen() -> None:
    replay = Replay(6)
    rollout = PRIOR.sample(4, generator())
    replay.add(rollout, Tiny().score(rollout.tokens).float())
    for rise, close in ([1.0, 0.0], [0.5, 2.0]):
        batch = replay.sample(4, 4, Objective(Tiny(), {"rise": rise, "close": close}, 2.0), generator())
        expected = Tiny().score(rollout.tokens).float() @ torch.tensor([rise, close]) / 2.0
        torch.testing.assert_close(batch.reward, expected)


def test_replay_pays_nothing_behind_an_end_and_is_as_long_as_its_longest() -> None:
    replay, whole = Replay(6), PRIOR.sample(3, generator())
    rollout = replace(whole, lengths=torch.tensor([2, 3, 1]))
    replay.add(rollout, torch.ones(3, 4, 2))
    batch = replay.sample(3, 3, ONES, generator())
    assert torch.equal(batch.tokens, whole.tokens[:, :3]) and batch.log_prior.shape[:2] == (3, 3)
    assert batch.mask.tolist() == [[1, 1, 0], [1, 1, 1], [1, 0, 0]]
    assert torch.equal(batch.reward, 2 * batch.mask)


def test_replay_forgets_the_oldest_and_survives_a_checkpoint() -> None:
    replay = Replay(6)
    parts = [PRIOR.sample(4, generator(i)) for i in range(3)]
    for part in parts:
        replay.add(part, Tiny().score(part.tokens).float())
    assert len(replay) == 6
    newest = replay.sample(4, 4, ONES, generator())
    assert torch.equal(newest.tokens, parts[2].tokens)
    other = Replay(6)
    other.load_state_dict(replay.state_dict(), 2)
    one, two = (r.sample(5, 2, ONES, generator(9)) for r in (replay, other))
    assert torch.equal(one.tokens, two.tokens)


def test_shards_cover_the_batch() -> None:
    assert shard_sizes(7, 3) == [3, 2, 2]
    assert shard_sizes(1, 4) == [1]
    shards = ShardPool(torch.device("cpu"))
    assert shards.map(lambda n: n * n, range(20), "squares") == [n * n for n in range(20)]
    with pytest.raises(ZeroDivisionError):
        shards.map(lambda n: 1 // n, range(3), "quotients")
    rollout = PRIOR.sample(5, generator())
    pieces = [Rollout(*(v.split([2, 3])[i] for v in vars(rollout).values())) for i in (0, 1)]
    assert torch.equal(Rollout.concat(pieces).tokens, rollout.tokens)


@pytest.mark.parametrize("wrong", [{"hidden": 0}, {"dropout": 1.0}, {"layers": 0}])
def test_a_network_without_substance_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingError):
        NetworkSettings(38, **wrong)  # type: ignore[arg-type]
