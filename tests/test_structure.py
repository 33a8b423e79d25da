"""The figures of docs/architecture.md hold: one place for R and J, a short loop, things where a reader looks."""

import ast

import pytest

from benchmarks import structure

ONE_SCREEN = 80  # lines
MOST_OPENED = 2  # files


def test_reward_and_objective_are_computed_in_one_place():
    for row in structure.places():
        assert (row.value, row.where) == ("1", "`seqtutor_core/objective.py`"), row


def test_the_loop_fits_one_screen():
    assert int(structure.loop().value) <= ONE_SCREEN


def test_things_are_where_a_reader_looks():
    """reading() reads each file and finds in it what it is opened for."""
    assert structure.reading()
    assert max(len(files) for files in structure.FIND.values()) <= MOST_OPENED


@pytest.mark.parametrize("source", ["terms @ weights", "sums @ self.vector", "sum(weight * v for weight, v in pairs)"])
def test_a_second_reward_would_be_seen(source):
    assert structure.is_weighted_sum(ast.parse(source, mode="eval").body)


@pytest.mark.parametrize("source", ["reward / c - kl", "reward / n / self.c - kl / n"])
def test_a_second_objective_would_be_seen(source):
    assert structure.is_objective(ast.parse(source, mode="eval").body)
