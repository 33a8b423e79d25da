"""What a tuning job says of itself after each update."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Progress:
    """Where a tuning job stands after an update. Sums are per sequence, means over the last rollout."""

    update: int
    environment_steps: int
    seconds: float
    """Learning time, pauses left out."""
    steps_per_second: float
    terms: dict[str, float]
    """Each unweighted reward term, summed over a sequence."""
    reward: float
    """Weighted sum of the terms, before division by c."""
    kl: float
    """KL(pi || p) in nats per sequence, exact over the vocabulary at each step."""
    kl_per_token: float
    entropy: float
    """Of the policy, nats per token."""
    j: float
    """The objective in nats: reward / c - kl."""
    distinct: float
    """Share of distinct sequences among the last 1,024."""
    loss: float
    weights: dict[str, float]
    kl_coefficient: float
    """c, which this rollout was judged with."""
    kl_budget: float | None
    """The KL that c is moved to keep, in nats per sequence; None: c stays."""
    learning_rate: float
    paused: bool
    message: str
    """Something the user should know (batch halved, say), else empty."""
    figures: dict[str, float]
    """What the domain observed beyond its terms."""
    tokens: Tensor
    """The rollout, (B, T)."""
    lengths: Tensor
    """(B,)."""
    sums: Tensor
    """Each sequence's unweighted terms, (B, K)."""
