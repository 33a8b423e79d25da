"""The autocorrelation of melodies, exact: in whole numbers wherever possible, and with ties decided as published.

Shapes: B batch, T time.
"""

import torch
from torch import Tensor
from torch.nn.functional import pad

from seqtutor_core.domains.melody import float64
from seqtutor_core.recorded import is_recording

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
    rows, steps = _candidates(tie.any(0))
    published = float64.autocorrelation(tokens[rows], steps + 1, LAGS).abs() > THRESHOLD
    above[:, rows, steps] |= tie[:, rows, steps] & published
    return r, above


def _lagged(values: Tensor) -> Tensor:
    """Return what values (B, T) were one, two and three steps before, 0 before the first: (3, B, T)."""
    padded = pad(values, (LAGS, 0))
    return torch.stack([padded[:, LAGS - lag : LAGS - lag + values.shape[1]] for lag in range(1, LAGS + 1)])


def _candidates(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return rows and columns, (n,) each, that cover where a mask (B, T) holds: exactly those, or all of them while a
    CUDA graph is recorded.
    """
    if not is_recording(mask.is_cuda):
        rows, columns = mask.nonzero().unbind(1)
        return rows, columns
    every_row, every_column = (torch.arange(size, device=mask.device) for size in mask.shape)
    return every_row.repeat_interleave(len(every_column)), every_column.repeat(len(every_row))
