"""What charts share and what the curves are given: colours that can be told apart, points that stay where they are."""

import json
import math
import tomllib
from pathlib import Path

import pytest

from pages.ui.charts import COLOURS, MOST_POINTS, thinned
from pages.ui.curves import STROKES, TERM_COLOURS, chart_data, plots
from pages.ui.melody.spec import MELODY
from pages.ui.molecule.spec import MOLECULE

THEME = tomllib.loads((Path(__file__).parents[1] / ".streamlit" / "config.toml").read_text("utf-8"))["theme"]
MODES = ("light", "dark")


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_wcag():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("mode", MODES)
def test_text_and_series_stand_out_in_both_themes(mode):
    """Text of charts is the theme's; a series needs less."""
    background = THEME[mode]["backgroundColor"]
    assert contrast(THEME[mode]["textColor"], background) >= 4.5
    assert all(contrast(colour, background) >= 3 for colour in COLOURS)


def test_the_themes_colours_are_the_charts():
    assert tuple(THEME["chartCategoricalColors"]) == COLOURS


def line(update, **more):
    figures = {"valid": 0.9, "unique": 1.0, "novel": 0.8, "scaffolds": 12.0}
    return {
        "update": update,
        "seconds": 1.04 * update,
        "weights": {"qed": 2.0},
        "terms": {"qed": 0.123456789},
        "figures": figures,
        **dict.fromkeys(("reward", "kl", "j", "entropy", "distinct"), 1.0),
        **more,
    }


@pytest.mark.parametrize("count", [0, 1, 2, 499, 500, 501, 999, 1000, 3600, 100_000])
def test_a_curve_has_both_ends_and_few_points(count):
    points = thinned(range(count))
    assert len(points) <= MOST_POINTS
    assert points[:1] == list(range(count))[:1] and points[-1:] == list(range(count))[-1:]
    assert points == sorted(set(points))
    assert len(points) == count or len(points) >= MOST_POINTS // 2


def test_points_stay_while_a_curve_grows():
    before, after = thinned(range(3000)), thinned(range(3001))
    assert before[:-1] == after[: len(before) - 1]


def test_every_term_looks_its_own():
    looks = {(TERM_COLOURS[k % len(TERM_COLOURS)], STROKES[k % len(STROKES)]) for k in range(len(MOLECULE.terms))}
    assert len(looks) == len(MOLECULE.terms)


def test_a_series_has_a_value_for_each_second_and_what_diverged_is_none():
    lines = [line(k) for k in range(1, 2000)]
    lines[-1] = line(2000, j=math.nan, figures={})
    data = chart_data(MOLECULE, "a run", lines)
    assert len(data["seconds"]) <= MOST_POINTS
    assert {len(one["values"]) for plot in data["plots"] for one in plot["series"]} == {len(data["seconds"])}
    named = {one["name"]: one["values"] for plot in data["plots"] for one in plot["series"]}
    assert named["Drug-likeness (QED)"][0] == 0.24691
    assert named["J"][-1] is named["valid"][-1] is None
    json.dumps(data, allow_nan=False)


def test_the_time_axis_doubles_and_changes_are_marked():
    def until(seconds):
        return chart_data(MELODY, "a run", [line(1, seconds=seconds)])["until"]

    assert [until(seconds) for seconds in (1.0, 15.0, 15.1, 61.0)] == [15.0, 15.0, 30.0, 120.0]
    lines = [line(1), line(2, changed=["weights.qed"]), line(3)]
    assert chart_data(MOLECULE, "a run", lines)["changes"] == [2.08]


def test_a_term_begins_where_it_first_has_a_weight():
    lines = [line(1), line(2, weights={"qed": 2.0, "log_p": -3.0}, terms={"qed": 0.5, "log_p": 0.25})]
    by_term = plots(lines, MOLECULE.terms, MOLECULE.figures)[2]
    assert [(one.name, one.values) for one in by_term.series] == [
        ("Drug-likeness (QED)", [0.24691, 1.0]),
        ("Lipophilicity (log P)", [0.0, -0.75]),
    ]


def test_what_is_reachable_is_known_from_its_first_measurement_until_a_slider_moves():
    lines = [line(1), line(2, gauge={"log_z_at_least": 40.0}), line(3), line(4, changed=["c"]), line(5)]
    (objective, *_) = plots(lines, MOLECULE.terms, MOLECULE.figures)
    assert [one.values for one in objective.series if one.name == "reachable"] == [[None, 40.0, 40.0, None, None]]


def test_without_a_run_the_plots_are_there_and_empty():
    for studio, titles in ((MELODY, 4), (MOLECULE, 6)):
        data = chart_data(studio, "", [])
        assert len(data["plots"]) == titles and data["seconds"] == []
        assert all(one["values"] == [] for plot in data["plots"] for one in plot["series"])
