"""What changes along a run's budget; fraction_done is the share of it that is used, 0 to 1."""

from seqtutor_core.objective import LARGEST_C

LOWEST_RATE = 0.05  # share of the learning rate that is left at the end
LOWEST_EPSILON = 0.1
HALF = 0.5  # share of the budget over which c and epsilon fall
WARM_SHARE = 0.15  # of the budget, for a warm start


def learning_rate(start: float, fraction_done: float) -> float:
    """Return the rate, which falls linearly to a twentieth."""
    return start * max(LOWEST_RATE, 1 - fraction_done)


def annealed_c(c: float, anneal: float, fraction_done: float) -> float:
    """Return the learner's c, which falls from anneal times c to c over the first half of the budget.

    Under a higher one it finds many good sequences before the best ones.
    """
    return min(LARGEST_C, c * anneal ** max(0.0, 1 - fraction_done / HALF))


def epsilon(fraction_done: float) -> float:
    """Return the chance of a random action, which falls from 1 to 0.1 over the first half of the budget."""
    return max(LOWEST_EPSILON, 1 - 1.8 * fraction_done)


def is_warm_start(fraction_done: float) -> bool:
    """Return whether a run that begins with imitation still imitates."""
    return fraction_done < WARM_SHARE
