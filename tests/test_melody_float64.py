"""Sums and autocorrelations in torch against numpy's, bit for bit."""

import numpy as np
import pytest
import torch

from seqtutor_core.domains.melody import correlation, float64, theory

ROWS = 200


@pytest.mark.parametrize("length", [1, 5, 7, 8, 9, 32, 100, 127, 128, 129, 140, 200, 256])
def test_sums_are_numpys(length: int) -> None:
    rng = np.random.default_rng(length)
    values = rng.normal(size=(ROWS, length)) * 10 ** rng.uniform(-3, 3, (ROWS, 1))
    count = rng.integers(0, length + 1, ROWS)
    found = float64.pairwise_sum(torch.tensor(values), torch.tensor(count)).numpy()
    assert np.array_equal(found, [row[:n].sum() for row, n in zip(values, count, strict=True)])


def test_the_order_matters() -> None:
    """Adding from left to right gives other bits, so the test above can fail."""
    values = torch.tensor(np.random.default_rng(0).normal(size=(ROWS, 32)))
    found = float64.pairwise_sum(values, torch.full((ROWS,), 32))
    assert not torch.equal(found, values.cumsum(1)[:, -1])


@pytest.mark.parametrize("length", [5, 32, 130, 150, 256])
def test_autocorrelations_are_numpys(length: int) -> None:
    rng = np.random.default_rng(length)
    tokens = rng.integers(0, 38, (ROWS, length))
    tokens[:, 0] = (tokens[:, 1] + 1) % 38  # never all alike, or r is not defined
    count = rng.integers(4, length + 1, ROWS)
    found = float64.autocorrelation(torch.tensor(tokens), torch.tensor(count), 3).numpy()
    for lag, by_row in enumerate(found, start=1):
        for row, n, r in zip(tokens, count, by_row, strict=True):
            m = row[:n] - np.mean(row[:n])
            assert r == (m[lag:] * m[: n - lag]).sum() / n / np.var(row[:n])


@pytest.mark.parametrize("length", [1, 3, 9, 32])
def test_all_prefixes_may_be_looked_at_instead_of_the_ties(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a CUDA graph does, which cannot choose."""
    tokens = torch.tensor(np.random.default_rng(0).integers(0, 5, (400, length)))
    chosen = theory.autocorrelation(tokens)
    monkeypatch.setattr(correlation, "_candidates", lambda mask: torch.ones_like(mask).nonzero().unbind(1))
    assert torch.equal(theory.autocorrelation(tokens), chosen)
