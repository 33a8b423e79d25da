"""What samples say with a given confidence: Student's t, a mean of bounded values, a share of two measured gaps."""

import math
from collections.abc import Iterator
from itertools import islice
from statistics import NormalDist

FAR = 0.999  # probability from which the tail is summed by itself: subtracting the rest from 1 would cost digits
NEGLIGIBLE = 1e-25


def student(probability: float, freedom: int) -> float:
    """Return the quantile of Student's t for a probability from 0.5 to below 1, by bisection to the last digits."""

    def below(t: float) -> bool:
        """Return whether t lies below the quantile."""
        if probability < FAR:
            return _inside(t, freedom) < 2 * (probability - 0.5)
        return _outside(t, freedom) > 2 * (1 - probability)

    low = high = NormalDist().inv_cdf(probability)  # Student's t has heavier tails
    while below(high):
        low, high = high, 2 * high
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if below(middle) else (low, middle)
    return high


def _inside(t: float, freedom: int) -> float:
    """Return P(|T| < t), the finite sum of Abramowitz & Stegun 26.7.3 and 26.7.4."""
    angle = 2 / math.pi * math.atan(t / math.sqrt(freedom)) if freedom % 2 else 0.0
    return angle + math.fsum(islice(_series(t, freedom), freedom // 2))


def _outside(t: float, freedom: int) -> float:
    """Return P(|T| > t): the same series goes on to 1, so its rest is the tail."""
    return math.fsum(islice(_series(t, freedom), freedom // 2, None))


def _series(t: float, freedom: int) -> Iterator[float]:
    """Yield the terms sin(a) cos(a)^m, tan(a) = t / sqrt(freedom), each with its factor; m as odd as the freedom."""
    square = freedom / (freedom + t * t)  # cos(a)^2
    sine, m = t / math.sqrt(freedom + t * t), freedom % 2
    term = 2 / math.pi * sine * math.sqrt(square) if m else sine
    while term > NEGLIGIBLE:
        yield term
        term *= (m + 1) / (m + 2) * square
        m += 2


def mean_at_most(mean: float, variance: float, n: int, delta: float) -> float:
    """Return what the mean of a variable from 0 to 1 does not exceed with probability 1 - delta.

    The empirical Bernstein bound (Maurer & Pontil 2009, theorem 4) from the mean and the variance of n samples.
    """
    log = math.log(2 / delta)
    return min(1.0, mean + math.sqrt(2 * variance * log / n) + 7 * log / (3 * (n - 1)))


def reached(gap: float, room: float, error: float, error_prior: float, z: float) -> float | None:
    """Return the largest share s of the room, 0 to 1, that agrees with what was measured, or with a negative z the
    smallest; None where there may be no room.

    gap = log Z - J and room = log Z - J_prior are off by the errors of J and of J_prior, so s agrees as long as

        |gap - (1 - s) room| <= |z| sqrt(error^2 + (1 - s)^2 error_prior^2)

    which is solved for 1 - s, the share that is missing (Fieller 1954). All in nats but z, a normal quantile.
    """
    if room <= abs(z) * error_prior:
        return None
    if gap <= z * error:
        return 1.0
    root = math.sqrt((room * error) ** 2 + (gap * error_prior) ** 2 - (z * error * error_prior) ** 2)
    return max(0.0, 1 - (gap * room - z * root) / (room**2 - (z * error_prior) ** 2))
