"""A task small enough to solve exactly: 4 letters, 8 steps, 65,536 words, all Markov in step and last letter.

The optimum of any learner, bound or preview can be checked against it, by seqtutor_core.exact.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from seqtutor_core.domains.base import BaseDomain, RewardTerm
from seqtutor_core.errors import TokenError
from seqtutor_core.exact import MarkovTask
from seqtutor_core.features import Clock, InputFeature, InputFeatures, LastToken
from seqtutor_core.network import NetworkSettings, RecurrentNetwork
from seqtutor_core.objective import Objective
from seqtutor_core.vocabulary import Vocabulary

LENGTH = 8
VOCABULARY = Vocabulary("abcd")
SHUT = -200.0  # bias of a gate; its sigmoid is 0 in float32
SEED = 13
HIDDEN = 32
FEATURES: Mapping[str, InputFeature] = {"token": LastToken(len(VOCABULARY)), "clock": Clock(len(VOCABULARY), LENGTH)}

RISES, STUTTERS, CLOSES = (0.0, LENGTH - 2.0), (2.0 - 2.0 * LENGTH, 0.0), (0.0, 3.0)  # 4 letters: a fall in 7 moves
TERMS = (
    RewardTerm(
        "rise", "Rise", "Mini", "+1 for a letter later in the alphabet than the last.", 1.0, 5.0, "points", RISES
    ),
    RewardTerm("stutter", "Stutter", "Mini", "-2 for the same letter again.", 1.0, 5.0, "points", STUTTERS),
    RewardTerm("close", "Close", "Mini", "+3 for ending on a.", 1.0, 5.0, "points", CLOSES),
)
DEFAULT_WEIGHTS = {term.name: term.default for term in TERMS}


def _points() -> Tensor:
    """Each term of a token by step, previous token and token, (T, V + 1, V, K)."""
    size = len(VOCABULARY)
    points = torch.zeros(LENGTH, size + 1, size, len(TERMS), dtype=torch.float64)
    previous, token = torch.arange(size).unsqueeze(1), torch.arange(size)
    points[1:, :size, :, 0] = (token > previous).double()  # (V, V); the first letter has none before it
    points[1:, :size, :, 1] -= 2.0 * (token == previous)
    points[-1, :, 0, 2] = 3.0
    return points


class Mini(BaseDomain):
    """Words that should rise, not stutter, and end on a; see seqtutor_core.domains.Domain."""

    name = "mini"
    vocabulary = VOCABULARY
    length = LENGTH
    features = FEATURES
    end: int | None = None
    terms: tuple[RewardTerm, ...] = TERMS
    paper_weights: Mapping[str, float] = DEFAULT_WEIGHTS

    def __init__(self) -> None:
        self.points = _points()

    def score(self, tokens: Tensor, lengths: Tensor | None = None, only: Collection[str] | None = None) -> Tensor:
        """Unweighted terms (B, T, K), float64."""
        previous = torch.cat([torch.full_like(tokens[:, :1], len(VOCABULARY)), tokens[:, :-1]], 1)
        steps = torch.arange(tokens.shape[1], device=tokens.device)
        return self.points.to(tokens.device)[steps, previous, tokens]

    def to_json(self, tokens: Sequence[int]) -> dict[str, Any]:
        return {"text": text(tokens)}

    def score_lines(self, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
        for number, line in enumerate(lines, start=1):
            word = line.strip()
            try:
                tokens = [VOCABULARY.id(letter) for letter in word]
                if len(tokens) != LENGTH:
                    raise TokenError(f"{word!r} has {len(tokens)} letters; a sequence has {LENGTH}")
            except TokenError as error:
                yield {"line": number, "error": str(error)}
                continue
            values = self.score(torch.tensor([tokens]))[0].T.tolist()
            yield {"text": word, "terms": dict(zip(DEFAULT_WEIGHTS, values, strict=True))}

    def metrics(self, tokens: Tensor, lengths: Tensor | None = None) -> dict[str, float | None]:
        return {"ends_on_a": (tokens[:, -1] == 0).double().mean().item()}

    def random_primer(self, batch: int, generator: Any) -> Tensor:
        return torch.randint(len(VOCABULARY), (batch, 1), generator=generator, device=generator.device)


def text(tokens: Iterable[int]) -> str:
    """A sequence as a word."""
    return "".join(VOCABULARY.tokens[token] for token in tokens)


def mini_prior() -> RecurrentNetwork:
    """A network that is exactly Markov: p(a_t | s_t) depends on the step and the last letter (no primer).

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
    """The tables of the prior and of the reward with these weights; SettingError for an unknown term."""
    size = len(VOCABULARY)
    same = torch.arange(size).unsqueeze(1).expand(-1, LENGTH)  # row b: whatever the step, b came before
    log_p = mini_prior()(InputFeatures(FEATURES).sequence_ids(same)).logits.double().log_softmax(-1)  # (V, T, V)
    start = log_p[:1, :1].expand(1, LENGTH, size)  # only the first step is ever reached from the start
    log_prior = torch.cat([log_p, start]).transpose(0, 1)  # (T, S, V)
    reward = Objective(Mini(), weights, 1.0).reward(_points())  # whatever c is
    return MarkovTask(log_prior.contiguous(), reward)
