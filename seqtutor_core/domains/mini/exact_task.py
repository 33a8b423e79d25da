"""The mini domain as a Markov task that is solved exactly: any learner, bound or preview is checked against it.

4 letters, 8 steps, 65,536 words; prior and reward know the step and the last letter, and nothing else. Solved by
seqtutor_core.exact. Shapes: T steps, S = V + 1 states (the last letter, or none), V tokens.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from seqtutor_core.domains.mini import FEATURES, LENGTH, TERMS, VOCABULARY, Mini
from seqtutor_core.exact import MarkovTask
from seqtutor_core.features import InputFeatures
from seqtutor_core.network import NetworkSettings, RecurrentNetwork
from seqtutor_core.objective import Objective

SHUT = -200.0  # bias of a gate; its sigmoid is 0 in float32
SEED = 13
HIDDEN = 32


def mini_prior() -> RecurrentNetwork:
    """Return a network that is exactly Markov: p(a_t | s_t) depends on the step and the last letter (no primer).

    Nothing reaches a step from the one before but its letter: recurrent weights are zero and the forget gate is shut.
    A policy that begins as its copy is a whole LSTM: recurrent weights learn. The forget gate, without a slope, stays
    shut, which costs nothing, since the best policy is Markov as well.
    """
    inputs = InputFeatures(FEATURES).sizes
    network = RecurrentNetwork(NetworkSettings(len(VOCABULARY), hidden=HIDDEN, embedding=16, inputs=inputs))
    rng = torch.Generator().manual_seed(SEED)
    entering, _, bias, _ = network.lstm.all_weights[0]
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        nn.init.normal_(network.embedding.weight, std=1.0, generator=rng)
        nn.init.normal_(entering, std=0.4, generator=rng)
        nn.init.normal_(network.policy.weight, std=0.8, generator=rng)
        bias[HIDDEN : 2 * HIDDEN] = SHUT  # torch's order: enter, forget, candidate, leave
    return network.eval()


@torch.no_grad()
def mini_task(weights: Mapping[str, float]) -> MarkovTask:
    """Return the tables of the prior and of the reward with these weights; SettingError for an unknown term."""
    size = len(VOCABULARY)
    same = torch.arange(size).unsqueeze(1).expand(-1, LENGTH)  # row b: whatever the step, b came before
    log_p = mini_prior()(InputFeatures(FEATURES).sequence_ids(same)).logits.double().log_softmax(-1)  # (V, T, V)
    start = log_p[:1, :1].expand(1, LENGTH, size)  # only the first step is ever reached from the start
    log_prior = torch.cat([log_p, start]).transpose(0, 1)  # (T, S, V)
    reward = Objective(Mini(), weights, 1.0).reward(_points())  # whatever c is
    return MarkovTask(log_prior.contiguous(), reward)


def _points() -> Tensor:
    """Return what a token scores at each step, by the letter before it: (T, S, V, K)."""
    size = len(VOCABULARY)
    letters = torch.cartesian_prod(torch.arange(size), torch.arange(size))  # (V V, 2): before, token
    points = torch.zeros(LENGTH, size + 1, size, len(TERMS), dtype=torch.float64)
    points[0, size] = Mini().score(torch.arange(size).unsqueeze(1))[:, 0]
    for t in range(1, LENGTH):
        words = torch.cat([letters[:, :1].expand(-1, t), letters[:, 1:]], 1)  # (V V, t + 1)
        points[t, :size] = Mini().score(words)[:, t].unflatten(0, (size, size))
    return points
