"""Sums in numpy's order of float64 operations, many rows at once and on any device.

An exact tie of the autocorrelation test is decided by rounding, so the order of operations belongs to the published
definition. numpy adds up to 128 numbers as eight interleaved sums, which it joins in pairs, then the up to seven
numbers left over; more than 128 in two halves, the first a multiple of eight.
Shapes: n rows, T numbers in each, of which the first `count` (n,) are summed.
"""

import torch
from torch import Tensor
from torch.nn.functional import pad

LANES = 8
BLOCK = 128  # numbers that numpy sums in one go


def pairwise_sum(values: Tensor, count: Tensor) -> Tensor:
    """Return the sum (n,) of the first `count` values of each row (n, T), bit for bit as numpy.sum gives it."""
    if values.shape[1] <= BLOCK:
        return _block_sum(values, count)
    half = count // 2
    first = torch.where(count <= BLOCK, count, half - half % LANES)
    most = values.shape[1] - values.shape[1] // 2 + LANES - 1  # numbers in a second half
    places = first.unsqueeze(1) + torch.arange(most, device=values.device)
    second = pad(values, (0, most)).gather(1, places)
    return _block_sum(values[:, :BLOCK], first) + pairwise_sum(second, count - first)


def _block_sum(values: Tensor, count: Tensor) -> Tensor:
    """Return the sum (n,) of the first `count` of up to 128 values of each row."""
    whole = count - count % LANES
    padded = pad(values, (0, LANES + -values.shape[1] % LANES))
    places = torch.arange(padded.shape[1], device=values.device)
    # what lies beyond is 0, and adding 0 changes no bit
    lanes = (padded * (places < whole.unsqueeze(1))).unflatten(1, (-1, LANES))
    r = lanes[:, 0]
    for i in range(1, lanes.shape[1]):
        r = r + lanes[:, i]
    total = ((r[:, 0] + r[:, 1]) + (r[:, 2] + r[:, 3])) + ((r[:, 4] + r[:, 5]) + (r[:, 6] + r[:, 7]))
    rest = torch.arange(LANES - 1, device=values.device)
    left = padded.gather(1, whole.unsqueeze(1) + rest) * (rest < (count - whole).unsqueeze(1))
    for i in range(LANES - 1):
        total = total + left[:, i]
    return total


def autocorrelation(tokens: Tensor, count: Tensor, lags: int) -> Tensor:
    """Return the autocorrelation (lags, n) of each row's first `count` tokens (n, T) at lags from 1, as numpy does it.

    m = x - mean(x), r = (m[lag:] * m[:-lag]).sum() / count / var(x); NaN where all tokens are equal.
    """
    inside = torch.arange(tokens.shape[1], device=tokens.device) < count.unsqueeze(1)
    n = count.double()
    mean = (tokens * inside).sum(1).double() / n  # whole numbers, so the sum is exact in any order
    m = (tokens.double() - mean.unsqueeze(1)) * inside
    products = torch.cat([m * pad(m[:, lag:], (0, min(lag, m.shape[1]))) for lag in range(lags + 1)])  # lag by lag
    counts = torch.cat([(count - lag).clamp(min=0) for lag in range(lags + 1)])
    squares, *sums = (pairwise_sum(products, counts).unflatten(0, (lags + 1, len(tokens))) / n).unbind()
    return torch.stack(sums) / squares
