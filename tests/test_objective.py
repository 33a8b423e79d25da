"""The objective: R and J by hand, weights in one form, equality by all that it depends on."""

import math

import pytest
import torch

from seqtutor_core.domains import build_domain
from seqtutor_core.domains.base import UNBOUNDED
from seqtutor_core.errors import SettingError
from seqtutor_core.objective import Objective
from tests.tiny import Tiny


class Unbounded(Tiny):
    """Nobody knows how much a rise may earn."""

    terms = tuple(t if t.name == "close" else t.__class__(**{**vars(t), "bounds": UNBOUNDED}) for t in Tiny.terms)


def test_reward_and_j_by_hand() -> None:
    objective = Objective(Tiny(), {"close": 0.1, "rise": 2}, 4.0)
    terms = torch.tensor([[1.0, 3.0], [-2.0, 0.0]], dtype=torch.float64)
    assert objective.reward(terms).tolist() == [2.0 + 0.1 * 3.0, -4.0]
    assert objective.effects([1.0, 3.0]) == [2.0, 0.1 * 3.0]
    assert objective.j(6.0, 1.0) == 0.5
    assert objective.j(torch.tensor([6.0, -4.0]), torch.tensor([1.0, 0.0])).tolist() == [0.5, -1.0]
    assert objective.replace(c=2.0).j(6.0, 1.0) == 2.0


def test_a_reward_has_the_precision_of_its_terms() -> None:
    objective = Objective(Tiny(), {"rise": 0.1}, 1.0)
    for dtype in (torch.float32, torch.float64):
        reward = objective.reward(torch.ones(2, 3, 2, dtype=dtype))
        assert (reward.dtype, reward.shape) == (dtype, (2, 3))
        assert torch.equal(reward, torch.full((2, 3), 0.1, dtype=dtype))


def test_weights_keep_the_form_that_they_came_in() -> None:
    """Every term by name, in the domain's order, to the last digit."""
    objective = Objective(Tiny(), {"close": 0.1}, 1)
    assert list(objective.weights.items()) == [("rise", 0.0), ("close", 0.1)]
    assert objective.active_terms == ["close"]
    assert objective.replace(weights=objective.weights) == objective


def test_objectives_are_equal_if_all_that_they_depend_on_is() -> None:
    one = Objective(build_domain("melody"), {"key": 0.1}, 2.0)
    same = Objective(build_domain("melody", {}), {"key": 0.1, "leap": 0.0}, 2)
    assert one == same
    assert hash(one) == hash(same)
    others = [
        one.replace(c=2.5),
        one.replace(weights={"key": 0.1 + 1e-15}),
        one.replace(domain=build_domain("melody", {"mode": "minor"})),
        Objective(Tiny(), {}, 2.0),
    ]
    assert len({one, same, *others}) == 1 + len(others)


def test_an_objective_of_molecules_is_hashable() -> None:
    shapes = {"qed": {"kind": "higher", "low": 0.2, "high": 0.8}, "log_p": {"kind": "lower"}}
    one, same, other = (
        Objective(build_domain("molecule", {"shapes": each}), {"qed": 1.0}, 1.0)
        for each in (shapes, dict(reversed(shapes.items())), {"qed": shapes["qed"]})
    )
    assert one == same != other
    assert {one: 1}[same] == 1


def test_the_highest_reward() -> None:
    def highest(world: Tiny, weights: dict[str, float]) -> float:
        return Objective(world, weights, 1.0).highest_reward

    assert highest(Tiny(), {"rise": 1.0, "close": 0.5}) == 3.5
    assert highest(Tiny(), {"rise": -2.0, "close": -1.0}) == 4.0  # what costs is best left out
    assert highest(Tiny(), {}) == 0.0
    assert highest(Unbounded(), {"rise": 1.0}) == math.inf
    assert highest(Unbounded(), {"rise": 0.0}) == 0.0


@pytest.mark.parametrize(
    ("weights", "c", "message"),
    [
        ({"fall": 1.0}, 1.0, "no reward term named fall; there are: rise, close"),
        ({"rise": math.nan}, 1.0, "a weight of nan for rise is not possible"),
        ({"rise": 20_000.0}, 1.0, "a weight of 20000.0 for rise"),
        ({}, 0.0, "a KL coefficient of 0.0 is not possible; choose a number from 0.01 to 1000"),
        ({}, math.inf, "a KL coefficient of inf"),
    ],
)
def test_what_makes_no_objective(weights: dict[str, float], c: float, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Objective(Tiny(), weights, c)
