"""Quantiles, bounds and shares against tables, closed forms and hand-computed values."""

import math

import numpy as np
import pytest

from seqtutor_core.confidence import mean_at_most, reached, student

TABLE = [  # Fisher & Yates: probability, freedom, quantile
    *[(0.90, v, t) for v, t in ((1, 3.078), (3, 1.638), (4, 1.533), (7, 1.415), (30, 1.310), (120, 1.289))],
    *[(0.95, v, t) for v, t in ((1, 6.314), (3, 2.353), (4, 2.132), (7, 1.895), (30, 1.697), (120, 1.658))],
    *[(0.975, v, t) for v, t in ((1, 12.706), (3, 3.182), (4, 2.776), (7, 2.365), (30, 2.042), (120, 1.980))],
    *[(0.99, v, t) for v, t in ((1, 31.821), (3, 4.541), (4, 3.747), (7, 2.998), (30, 2.457), (120, 2.358))],
    *[(0.995, v, t) for v, t in ((1, 63.657), (3, 5.841), (4, 4.604), (7, 3.499), (30, 2.750), (120, 2.617))],
    *[(0.9995, v, t) for v, t in ((1, 636.619), (3, 12.924), (4, 8.610), (7, 5.408), (30, 3.646), (120, 3.373))],
]
PROBABILITIES = [0.5 + 1e-9, 0.6, 0.9, 0.9989, 0.999, 0.9999, 1 - 1e-6, 1 - 1e-9]


@pytest.mark.parametrize(("probability", "freedom", "value"), TABLE)
def test_student_as_published(probability: float, freedom: int, value: float) -> None:
    assert student(probability, freedom) == pytest.approx(value, abs=5.01e-4)


@pytest.mark.parametrize("probability", PROBABILITIES)
def test_student_in_closed_form(probability: float) -> None:
    """Cauchy's distribution, and 2 and 4 degrees of freedom."""
    centre, tail = probability - 0.5, 1 - probability
    cauchy = math.tan(math.pi * centre) if centre < tail else 1 / math.tan(math.pi * tail)
    both = 4 * probability * tail
    assert student(probability, 1) == pytest.approx(cauchy, rel=1e-12)
    assert student(probability, 2) == pytest.approx(2 * centre * math.sqrt(2 / both), rel=1e-12)
    if centre > 0.01:  # below, the form itself cancels
        form = 2 * math.sqrt(math.cos(math.acos(math.sqrt(both)) / 3) / math.sqrt(both) - 1)
        assert student(probability, 4) == pytest.approx(form, rel=1e-12)


@pytest.mark.parametrize("freedom", [3, 5, 7, 8, 30, 101, 999, 1000])
@pytest.mark.parametrize("probability", PROBABILITIES)
def test_student_by_integrating_the_density(probability: float, freedom: int) -> None:
    """Newton's correction by the density integrated from 0, or from t on, to t is below 1e-9 of t."""
    t = student(probability, freedom)
    log_scale = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)

    def integral(low: float, high: float) -> float:
        """Of cos(a)^(freedom - 1), tan(a) = t / sqrt(freedom), by the midpoint rule with Richardson's correction."""
        coarse, fine = (
            (np.cos(low + (np.arange(n) + 0.5) * (high - low) / n) ** (freedom - 1)).sum() * (high - low) / n
            for n in (100_000, 200_000)
        )
        return (4 * fine - coarse) / 3 * math.exp(log_scale) / math.sqrt(math.pi)

    angle = math.atan(t / math.sqrt(freedom))
    far = probability > 0.9
    miss = (1 - probability) - integral(angle, math.pi / 2) if far else integral(0, angle) - (probability - 0.5)
    density = math.exp(log_scale) / math.sqrt(math.pi * freedom) * (1 + t * t / freedom) ** (-(freedom + 1) / 2)
    assert abs(miss) < 1e-9 * t * density


def test_the_median_of_student() -> None:
    assert student(0.5, 7) == 0.0


def test_the_mean_of_bounded_values_by_hand() -> None:
    log = math.log(2 / 0.1)
    assert mean_at_most(0.2, 0.0, 50, 0.1) == pytest.approx(0.2 + 7 * log / (3 * 49))
    assert mean_at_most(0.2, 0.01, 50, 0.1) == pytest.approx(0.2 + math.sqrt(0.02 * log / 50) + 7 * log / (3 * 49))
    assert mean_at_most(0.2, 0.16, 3, 0.1) == 1.0


def test_the_mean_of_bounded_values_holds() -> None:
    """Of 2,000 means of 100 values that are 1 in 5 % and else 0, at most 10 % are said to be too low."""
    values = np.random.default_rng(0).random((2000, 100)) < 0.05
    bounds = [mean_at_most(row.mean(), row.var(ddof=1), 100, 0.1) for row in values]
    assert np.mean(np.array(bounds) < 0.05) <= 0.1
    assert np.mean(bounds) < 0.3


@pytest.mark.parametrize(("gap", "room"), [(9.0, 10.0), (5.0, 10.0), (1.5, 10.0), (2.0, 3.0)])
@pytest.mark.parametrize("z", [2.0, -2.0])
def test_the_share_at_the_end_of_those_that_agree(gap: float, room: float, z: float) -> None:
    """It is just a bound's width from what was measured: the largest with z, the smallest with -z."""
    share = reached(gap, room, 0.5, 0.7, z)
    if share == 0.0:  # the smallest would be worse than the prior
        assert gap - room > z * math.hypot(0.5, 0.7)
        return
    assert share is not None
    assert (0 < share < 1 - gap / room) if z < 0 else (1 - gap / room < share < 1)
    assert gap - (1 - share) * room == pytest.approx(z * math.hypot(0.5, (1 - share) * 0.7))


def test_shares_at_the_ends() -> None:
    assert reached(5.0, 10.0, 0.0, 0.0, 2.0) == pytest.approx(0.5)
    assert reached(5.0, 10.0, 0.0, 0.0, -2.0) == pytest.approx(0.5)
    assert reached(1.0, 10.0, 0.5, 0.7, 2.0) == 1.0  # the gap is within J's own error
    assert reached(-1.0, 10.0, 0.5, 0.7, 2.0) == 1.0
    assert reached(30.0, 10.0, 0.5, 0.7, 2.0) == 0.0  # worse than the prior
    assert reached(1.0, 1.4, 0.5, 0.7, 2.0) is None  # the prior may be as good as anything known
    assert reached(1.0, 1.4, 0.5, 0.7, -2.0) is None
