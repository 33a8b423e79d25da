"""The autocorrelation of melodies, exact: in whole numbers wherever possible, and with ties decided as published.

Shapes: B batch, T time.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import pad

from seqtutor_core.domains.melody import float64

LAGS = 3  # lags 1, 2 and 3
THRESHOLD_OVER, THRESHOLD_UNDER = 3, 20  # |r| above which it costs, 0.15, as a fraction: whole numbers are compared
THRESHOLD = THRESHOLD_OVER / THRESHOLD_UNDER


def correlations(tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Return the autocorrelation r (3, B, T) of every prefix by lag, NaN where not defined, and whether |r| > 0.15.

    Tokens are whole numbers, so r = top / bottom with whole numbers on both sides, from running sums. An exact
    tie of the test is decided as numpy's float64 arithmetic decides it, which is the published definition.
    """
    n = torch.arange(1, tokens.shape[1] + 1, device=tokens.device)
    lag = torch.arange(1, LAGS + 1, device=tokens.device).view(-1, 1, 1)
    sums, squares = tokens.cumsum(1), (tokens * tokens).cumsum(1)
    products = (tokens * _lagged(tokens)).cumsum(2)
    late = sums - pad(sums, (0, LAGS))[:, :LAGS].t().unsqueeze(2)  # sums without the first `lag` tokens
    top = n * n * products - n * sums * (_lagged(sums) + late) + (n - lag) * sums * sums
    bottom = n * (n * squares - sums * sums)
    defined = (n > lag) & (bottom > 0)
    r = torch.where(defined, top.double() / bottom.double(), torch.nan)
    excess = THRESHOLD_UNDER * top.abs() - THRESHOLD_OVER * bottom
    above, tie = defined & (excess > 0), defined & (excess == 0)
    for lags, rows, steps in _candidates(tie):
        published = float64.autocorrelation(tokens[rows], steps + 1, lags + 1).abs() > THRESHOLD
        above[lags, rows, steps] |= tie[lags, rows, steps] & published
    return r, above


def _lagged(values: Tensor) -> Tensor:
    """Return what values (B, T) were one, two and three steps before, 0 before the first: (3, B, T)."""
    padded = pad(values, (LAGS, 0))
    return torch.stack([padded[:, LAGS - lag : LAGS - lag + values.shape[1]] for lag in range(1, LAGS + 1)])


def _candidates(mask: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Yield indices, (n,) for each dimension, that cover where a mask (3, B, T) holds: exactly those, or all of them,
    lag by lag, while a CUDA graph is recorded.
    """
    if not (mask.is_cuda and torch.cuda.is_current_stream_capturing()):
        yield mask.nonzero().unbind(1)
        return
    rows, columns = (torch.arange(size, device=mask.device) for size in mask.shape[1:])
    rows, columns = rows.repeat_interleave(len(columns)), columns.repeat(len(rows))
    for lag in range(len(mask)):
        yield torch.full_like(rows, lag), rows, columns
