"""A warm start: the policy imitates samples of pi* that sequential Monte Carlo draws, before the learner takes over."""

import torch
from torch import Tensor

from seqtutor_core.network import Output
from seqtutor_core.objective import Objective
from seqtutor_core.parallel import shard_sizes
from seqtutor_core.policy import Policy
from seqtutor_core.replay import Batch, with_prior
from seqtutor_core.rollout import Rollout, gather_actions
from seqtutor_core.smc import ScoredSamples, WeightedSamples, smc
from seqtutor_core.tuning.sampler import Sampler, Shard

GUIDED = 0.5  # share of the policy in the proposals; the rest is the prior's


class WarmStart:
    """What to imitate, and how."""

    def __init__(self, policy: Policy, sampler: Sampler, minibatch: int) -> None:
        self.policy, self.sampler, self.minibatch = policy, sampler, minibatch

    def batch(self, rollout: Rollout, terms: Tensor, objective: Objective) -> Batch:
        """Return sequences of pi* that begin as the rollout's do, estimated.

        Where all reward comes with the last token these are the rollout's own, by weight. terms: its scores (B, T, K).
        """
        domain, sampler = objective.domain, self.sampler
        primer = rollout.primer[:1]
        if domain.terminal_reward:
            found = ScoredSamples.of(rollout, terms).weigh(objective)
        else:
            guide = self.policy.mixture(GUIDED)

            def run(shard: Shard) -> WeightedSamples:
                number, size, _ = shard
                return smc(guide, objective, size, sampler.generators[number], primer.expand(size, -1))

            sizes = shard_sizes(len(rollout.tokens), sampler.shards.size)
            items = [(number, size, None) for number, size in enumerate(sizes)]
            runs = sampler.shards.map(run, items, "sequential Monte Carlo")
            found = WeightedSamples.concat(runs)
        rows = found.resample(self.minibatch, sampler.generators[0])
        tokens, lengths = found.tokens[rows], found.lengths[rows]
        return with_prior(self.policy, tokens, lengths, primer, torch.zeros(tokens.shape, device=tokens.device))

    def loss(self, online: Output, target_output: Output, batch: Batch) -> Tensor:
        """Return minus log pi of the batch's sequences, summed."""
        if self.policy.log_policy is None:
            raise ValueError("a policy that imitates has a network of its own")
        log_pi = self.policy.log_policy(online, batch.log_prior)
        return -(gather_actions(log_pi, batch.tokens) * batch.mask).sum()
