"""Learning from few evaluations of the reward: each sequence that was paid for is learned from many times.

A rollout is scored without its repeats, and so are children of the best so far, where the domain can cross sequences;
policy and crossover each propose as large a share of what is scored as they have among the best. Then come several
updates, half on that rollout and half on the best of all that was evaluated, drawn by rank, and written anew where
there are other ways to write the same. Trajectory balance learns from whoever proposed a sequence.

Sources: augmented memory (Guo & Schwaller 2024, arXiv 2305.16160); a genetic search beside the policy (Kim et al. 2024,
arXiv 2402.05961).
"""

from collections.abc import Sequence
from random import Random

import torch
from torch import Tensor

from seqtutor_core.replay import Batch, with_prior
from seqtutor_core.rollout import Rollout
from seqtutor_core.tuning.progress import NO_LOSS, Iteration, Paid
from seqtutor_core.tuning.schedules import annealed_c, learning_rate
from seqtutor_core.tuning.tuner import Tuner

CROSSINGS = 3  # attempts at each child
JUDGED = 100  # of the best, by which the policy and crossover are judged
LEAST_SHARE = 0.1  # of what is scored that either proposes, so that it can come back


def iterate(tuner: Tuner) -> Iteration:
    """Return a rollout and children of the best so far, with what was learned from all that was evaluated.

    The policy is sampled at the strength that the share of repeats allows; see Calls.
    """
    wanted = _children_wanted(tuner)
    written = min(tuner.batch + tuner.settings.children - wanted, tuner.calls.left)
    rollout = tuner.sampler.unscored(written, tuner.epsilon, tuner.calls.strength)
    before = tuner.calls.evaluated.count
    terms, scored = _pay(tuner, rollout.tokens, rollout.lengths)
    tuner.calls.adapt(tuner.calls.evaluated.count - before, len(rollout.tokens))
    children = _children(tuner, min(wanted, tuner.calls.left))
    return Iteration(rollout, terms, _learn(tuner, _newest(rollout, terms, scored)), children)


def _children_wanted(tuner: Tuner) -> int:
    """Return how many children the next rollout should have beside it: at first as the settings say.

    Later crossover's share of the best is its share of what is scored. Some rewards are climbed by small changes of
    what is good, and others by what the policy has learned.
    """
    at_first, evaluated = tuner.settings.children, tuner.calls.evaluated
    if not at_first or len(evaluated) < JUDGED:
        return at_first
    share = evaluated.crossed_share(tuner.objective, JUDGED)
    return round((tuner.batch + at_first) * min(max(share, LEAST_SHARE), 1 - LEAST_SHARE))


def _pay(tuner: Tuner, tokens: Tensor, lengths: Tensor, crossed: bool = False) -> tuple[Tensor, list[int]]:
    """Return the terms (B, T, K) of tokens (B, T), and the rows that were scored: no repeats; count the calls."""
    domain, calls = tuner.domain, tuner.calls
    if domain.slow_scoring:
        domain.measure(tokens, lengths)  # once, for all that is asked about them
    identities = domain.identities(tokens, lengths)
    new = set(calls.evaluated.new(identities))
    scored = [row for row, identity in enumerate(identities) if row in new or not identity]
    terms = torch.zeros(*tokens.shape, len(domain.terms), device=tokens.device)
    if scored:
        terms[scored] = domain.score(tokens[scored], lengths[scored]).float()
    calls.evaluated.add(identities, tokens, lengths, terms.sum(1), crossed)
    repeats = [row for row in range(len(tokens)) if row not in scored]
    if repeats:
        sums = calls.evaluated.sums([identities[row] for row in repeats])
        terms[repeats, lengths[repeats] - 1] = sums.to(terms)
    return terms, scored


def _newest(rollout: Rollout, terms: Tensor, scored: list[int]) -> list[tuple[list[int], Tensor]]:
    """Return the tokens and the unweighted terms (K,) of what a rollout has that is no repeat, failures included."""
    pairs = zip(rollout.tokens[scored].tolist(), rollout.lengths[scored].tolist(), strict=True)
    return [(row[:length], sums) for (row, length), sums in zip(pairs, terms[scored].sum(1), strict=True)]


def _learn(tuner: Tuner, newest: list[tuple[list[int], Tensor]]) -> Tensor:
    """Learn from the newest and the best so far, several times; return the last update's loss per token."""
    done, loss = tuner.fraction_done, NO_LOSS
    for _ in range(tuner.settings.updates if len(tuner.calls.evaluated) > 1 else 0):
        loss = tuner.optimizer.step(_batch(tuner, newest, done), tuner.loss, learning_rate(tuner.learning_rate, done))
    return loss


def _children(tuner: Tuner, wanted: int) -> Paid | None:
    """Return so many new sequences, or fewer, with parts of two of the best so far, with their terms."""
    generator = tuner.sampler.generators[0]
    if not wanted or len(tuner.calls.evaluated) < 2:
        return None
    parents = tuner.calls.evaluated.draw_pairs(CROSSINGS * wanted, tuner.settings.memory, tuner.objective, generator)
    random, children = _random(generator), list[list[int]]()
    for one, other in parents:
        if child := tuner.domain.cross(one, other, random):
            children.append(child)
        if len(children) == wanted:
            break
    if not children:
        return None
    tokens, lengths = padded(children, tuner.domain.length, tuner.domain.end or 0, tuner.device)
    return Paid(tokens, lengths, _pay(tuner, tokens, lengths, crossed=True)[0])


def _batch(tuner: Tuner, newest: list[tuple[list[int], Tensor]], done: float) -> Batch:
    """Return a batch, half of the newest rollout and half of the best so far, drawn by rank.

    The newest say what the policy writes now, failures too: log Z, the batch's mean, would follow the best alone. All
    reward comes with the last token.
    """
    settings, generator = tuner.settings, tuner.sampler.generators[0]
    objective = tuner.objective.replace(c=annealed_c(tuner.objective.c, settings.anneal, done))
    random = _random(generator)
    fresh = random.sample(newest, min(settings.minibatch // 2, len(newest)))
    drawn = tuner.calls.evaluated.draw(settings.minibatch - len(fresh), settings.memory, objective, generator)
    rewrite = tuner.domain.rewrite if settings.rewrite else lambda tokens, _: tokens
    sequences = [*(tokens for tokens, _ in fresh), *(rewrite(tokens, random) for tokens in drawn.tokens)]
    tokens, lengths = padded(sequences, max(map(len, sequences)), tuner.domain.end or 0, tuner.device)
    rewards = torch.zeros(tokens.shape, device=tokens.device)
    earned = [*(objective.reward(sums) for _, sums in fresh), *drawn.reward]
    rewards[torch.arange(len(tokens)), lengths - 1] = torch.stack([each.to(rewards) for each in earned]) / objective.c
    with tuner.optimizer.precision():
        return with_prior(tuner.policy, tokens, lengths, tuner.sampler.primer, rewards)


def padded(sequences: Sequence[Sequence[int]], steps: int, padding: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return sequences as tokens (B, steps) and lengths (B,)."""
    tokens = torch.full((len(sequences), steps), padding)
    for row, sequence in enumerate(sequences):
        tokens[row, : len(sequence)] = torch.tensor(sequence)
    return tokens.to(device), torch.tensor([len(each) for each in sequences], device=device)


def _random(generator: torch.Generator) -> Random:
    """Return random numbers of Python's that follow from torch's."""
    return Random(int(torch.randint(2**31, (1,), generator=generator, device=generator.device)))
