"""The page of all runs without a browser: find, name, delete, compare, use again."""

import json
import shutil
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from filelock import FileLock

from pages.ui.charts import COLOURS
from pages.ui.runs.compare import overlay
from pages.ui.runs.compared import CURVES, DASHES, MOST, Curves, compared
from pages.ui.runs.reward_kl import SYMBOLS, chart
from seqtutor_core.chemistry.tokens import MOSES
from seqtutor_core.config import TuningConfig
from seqtutor_core.domains.melody import MelodySettings
from seqtutor_core.domains.melody.primer import primer_of, tune_of
from seqtutor_core.runs import names, owner, store, tags, trash
from seqtutor_core.runs.index import RunInfo
from seqtutor_core.runs.store import Run
from tests.paging import opened, press, texts
from tests.test_canvas import needs_drawings

pytestmark = pytest.mark.slow  # each test draws a page, most of a second

ODD = "<b>x</b> **y** 🎻 $z$ :red[a]"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))


def ended(name: str = "", **changes) -> Run:
    run = store.create_run(TuningConfig(**{"domain": "melody", "prior": "melody", "weights": {"key": 1.0}, **changes}))
    run.write_status(replace(run.status, state="finished", seconds=3.0))
    numbers: dict[str, Any] = dict.fromkeys(("reward", "kl", "j", "entropy", "distinct", "steps_per_second"), 0.5)
    lines = [{**numbers, "update": n, "seconds": n / 2, "weights": {}, "terms": {}} for n in (1, 2, 3)]
    (run.folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    if name:
        names.rename_run(run, name)
    return run


def shown(page) -> list[str]:
    return list(page.dataframe[0].value["Name"]) if page.dataframe else []


def ticked(*runs: Run):
    return opened("runs", chosen="~".join(run.id for run in runs))


def keys(page) -> set[str]:
    return {button.key for button in page.button}


# ---------------------------------------------------------------- the table


def test_without_runs_the_page_says_so_and_offers_nothing_to_do_with_them():
    page = opened("runs").run()
    assert not page.exception and "No run yet" in texts(page.markdown)
    assert not page.button and "Tick" not in texts(page.caption)


def test_all_runs_are_listed_and_filters_choose_among_them():
    ended("Slow air"), ended(ODD, learner="psi"), ended("Benzene", domain="molecule", prior="molecule")
    damaged = ended("Broken")
    (damaged.folder / "status.json").write_text("{")
    page = opened("runs").run()
    assert not page.exception
    assert shown(page) == ["Broken", "Benzene", ODD, "Slow air"]
    table = page.dataframe[0].value.set_index("Name")
    assert table.loc["Broken", "State"] == "Damaged" and "status.json" in table.loc["Broken", "Note"]
    assert table.loc["Slow air", "Learner"] == "Balance" and table.loc[ODD, "Learner"] == "Psi"
    page.text_input(key="runs-find").set_value("AIR slow").run()
    assert shown(page) == ["Slow air"]
    page.text_input(key="runs-find").set_value("").run()
    page.multiselect(key="runs-domain").set_value(["molecule"]).run()
    assert shown(page) == ["Benzene"]
    page.multiselect(key="runs-domain").set_value([]).run()
    page.multiselect(key="runs-state").set_value(["damaged"]).run()
    assert shown(page) == ["Broken"]


def test_tags_are_a_column_and_a_filter_that_wants_all_of_them():
    one, two = ended("One"), ended("Two")
    for run, given in ((one, ("slow", ODD[:20])), (two, ("slow",))):
        for tag in given:
            tags.add_tag(run, tag)
    page = opened("runs").run()
    listed = page.dataframe[0].value.set_index("Name")["Tags"].map(list).to_dict()
    assert listed == {"One": [ODD[:20], "slow"], "Two": ["slow"]}
    page.multiselect(key="runs-tags").set_value(["slow"]).run()
    assert shown(page) == ["Two", "One"]
    page.multiselect(key="runs-tags").set_value(["slow", ODD[:20]]).run()
    assert shown(page) == ["One"] and not page.exception
    tags.remove_tag(one, ODD[:20])
    page.run()  # nobody has it any more, so nobody can look for it
    assert shown(page) == ["Two", "One"] and not page.exception


def test_a_ticked_damaged_run_tells_why_and_a_vanished_one_is_let_go():
    damaged, gone = ended(), ended()
    (damaged.folder / "config.json").write_text("{")
    page = ticked(damaged, gone).run()
    shutil.rmtree(gone.folder)
    page.run()
    assert not page.exception and len(shown(page)) == 1 and "1 ticked run is no longer here" in texts(page.warning)
    page.run()
    assert "config.json" in texts(page.warning) and page.button(key="runs-use").disabled
    press(page, "runs-delete")
    assert store.all_runs() == [] and not page.exception


# ---------------------------------------------------------------- names


def test_an_owner_renames_and_a_long_name_is_refused_in_words():
    run = ended()
    page = ticked(run).run()
    field = f"rename-{run.id}"
    page.text_input(key=field).set_value(ODD).run()
    assert not page.exception and names.run_name(run) == ODD and shown(page) == [ODD]
    assert f"Ticked: {ODD}" in texts(page.caption)
    page.text_input(key=field).set_value("x" * 200).run()
    assert "at most 80 characters" in texts(page.error) and names.run_name(run) == ODD
    owner.claim(run)
    watching = ticked(run).run()
    assert field not in {text.key for text in watching.text_input}
    page.text_input(key=field).set_value("Mine").run()
    assert "only watches" in texts(page.error) and names.run_name(run) == ODD


def texts_of_links(page) -> str:
    class Label:
        def __init__(self, value):
            self.value = value

    return texts(Label(link.proto.label) for link in page.get("page_link"))


def test_names_stand_where_runs_are_shown():
    run = ended(ODD)
    assert ODD in texts_of_links(opened("app").run())
    page = opened("melody", run=run.id).run()
    assert ODD in unescape("".join(element.proto.body for element in page.get("html")))


def test_an_owner_tags_several_runs_at_once_and_a_long_tag_is_refused_in_words():
    one, two, theirs = ended("One"), ended("Two"), ended("Theirs")
    owner.claim(theirs)
    page = ticked(one, two, theirs).run()
    field = page.text_input(key="runs-new-tag")
    field.set_value("<i>x</i>").run()
    assert (
        not page.exception and tags.run_tags(one) == tags.run_tags(two) == ("<i>x</i>",) and not tags.run_tags(theirs)
    )
    assert page.text_input(key="runs-new-tag").value == ""
    page.text_input(key="runs-new-tag").set_value("x" * 200).run()
    assert "at most 24 characters" in texts(page.error) and tags.run_tags(one) == ("<i>x</i>",)
    press(page, "runs-untag-<i>x</i>")
    assert not page.exception and not tags.run_tags(one) and not tags.run_tags(two)


# ---------------------------------------------------------------- deleting


def test_ours_and_nobodys_are_deleted_and_undone_others_stay():
    ours, theirs, living = ended(), ended(), ended()
    owner.claim(theirs)
    living.write_status(replace(living.status, state="running", pid=1, handed=True))
    with FileLock(living.folder / "worker.lock"):
        page = ticked(ours, theirs, living).run()
        button = page.button(key="runs-delete")
        assert button.label == "Delete 1 run"
        assert "1 run still alive" in button.help and "1 run of somebody else" in button.help
        press(page, "runs-delete")
        assert not page.exception and {run.id for run in store.all_runs()} == {theirs.id, living.id}
        press(page, "runs-undo")
        assert not page.exception and len(store.all_runs()) == 3 and page.button(key="runs-undo").disabled


def test_an_undo_that_comes_too_late_is_told():
    run = ended()
    page = ticked(run).run()
    press(page, "runs-delete")
    trash.purge(kept=0.0)
    press(page, "runs-undo")
    assert "it is gone" in texts(page.error) and not page.exception


def test_a_deleted_runs_link_says_how_it_comes_back():
    run = ended()
    trash.discard(run)
    for page in (ticked(run).run(), opened("melody", run=run.id).run()):
        assert not page.exception and f"runs restore {run.id}" in texts([*page.warning, *page.error])


# ---------------------------------------------------------------- comparing


def test_six_at_most_are_compared_by_name_with_what_differs():
    runs = [ended("Twin" if n < 2 else f"Run {n}", seed=n) for n in range(MOST + 1)]
    page = ticked(*runs).run()
    assert not page.exception and f"first {MOST} of them" in texts(page.info)
    _, figures, settings = (table.value for table in page.dataframe)
    names_ = ["1 Run 6", "2 Run 5", "3 Run 4", "4 Run 3", "5 Run 2", "6 Twin"]
    assert list(figures["Run"]) == names_
    assert settings.to_dict("records") == [{"Setting": "seed", **dict(zip(names_, "654321", strict=True))}]
    twins = ticked(*runs[:2]).run()
    assert list(twins.dataframe[1].value["Run"]) == [f"{n} Twin ({run.id})" for n, run in enumerate(runs[1::-1], 1)]


def test_damaged_curves_are_told_and_cost_nothing_else():
    sound, broken = ended("Sound"), ended("Broken")
    (broken.folder / "metrics.jsonl").write_text('{"update": 1}\n')
    page = ticked(sound, broken).run()
    assert not page.exception and "Broken: run" in texts(page.warning)
    assert len(page.get("plotly_chart")) == 1


def summaries_named(*called: str) -> list[RunInfo]:
    return [RunInfo(f"id-{n}", name, "finished", 0.0, 0, reward=n, kl=2.0 * n) for n, name in enumerate(called)]


def test_the_chart_draws_each_run_with_a_colour_and_a_dash_and_its_name_as_it_is():
    curve = Curves({"seconds": [0.0, 2.0], "update": [1.0, 5.0], **{name: [1.0, 2.0] for name in CURVES}}, {})
    runs = compared(summaries_named("<b>x</b>", "%{y}" + "z" * 80))
    figure = overlay(dict.fromkeys(runs, curve), "Updates")
    assert len(figure.data) == 8 and all(list(line.x) == [1.0, 5.0] for line in figure.data)
    assert [line.line.color for line in figure.data] == [*[COLOURS[0]] * 4, *[COLOURS[1]] * 4]
    assert len({*DASHES}) == len({*SYMBOLS}) == MOST and {line.line.dash for line in figure.data} == {*DASHES[:2]}
    assert figure.data[0].name == "1 &lt;b&gt;x&lt;/b&gt;"
    assert {line.hovertemplate for line in figure.data} == {"%{y:.3g}<extra>%{fullData.name}</extra>"}
    assert [line.showlegend for line in figure.data] == [True, False, False, False] * 2


def test_a_run_is_a_numbered_point_of_reward_against_kl():
    figure = chart(compared(summaries_named("<b>x</b>", "Air")), [(0.0, 1.0), (3.0, 4.0)])
    line, one, two = figure.data
    assert line.mode == "lines" and (one.x[0], one.y[0], two.x[0], two.y[0]) == (0.0, 0.0, 2.0, 1.0)
    assert (one.text[0], one.name, two.text[0], two.name) == ("1", "1 &lt;b&gt;x&lt;/b&gt;", "2", "2 Air")
    assert (one.marker.symbol, two.marker.symbol) == SYMBOLS[:2]


def test_runs_that_were_rewarded_differently_are_not_ranked():
    runs = [ended("One"), ended("Two"), ended("Three", settings={"length": 16})]
    for run, weight in zip(runs, (1.0, 1.0, 1.0), strict=True):
        lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
        (run.folder / "metrics.jsonl").write_text(
            "".join(json.dumps({**line, "weights": {"key": weight}}) + "\n" for line in lines)
        )

    def told(*some: Run) -> str:
        page = ticked(*some)
        page.session_state["runs-tabs"] = "Reward against KL"
        page.run()
        assert not page.exception and len(page.get("plotly_chart")) == 1
        return texts([*page.info, *page.caption])

    assert "rewarded differently" not in told(*runs[:2]) and "The line is the most reward" in told(*runs[:2])
    assert "rewarded differently" in told(*runs)


@needs_drawings
def test_samples_stand_side_by_side_and_play_in_one_player():
    tune, molecule = ended("Tune"), ended("Molecule", domain="molecule", prior="molecule")
    for run, tokens in ((tune, [14, 1, 16, 1]), (molecule, [*MOSES.encode("CCO"), MOSES.end])):
        line = {"update": 1, "seconds": 1.0, "tokens": tokens}
        (run.folder / "samples" / "000000001.jsonl").write_text(json.dumps(line) + "\n")
    page = ticked(tune, molecule)
    page.session_state["runs-tabs"] = "Samples"
    page.run()
    assert (
        not page.exception
        and "runs-play-2.1" in keys(page)
        and [image.proto.imgs[0].alt for image in page.get("image")] == ["CCO", "Melody 2.1 as notes"]
    )
    press(page, "runs-play-2.1")
    assert not page.exception and page.session_state["_runs_picked"] == (tune.id, 0)


# ---------------------------------------------------------------- using settings again

MELODY = TuningConfig(
    "melody",
    "melody-paper",
    learner="q",
    preset="paper",
    weights={"key": 2.0, "rhythm": 30.0},
    kl_coefficient=2.0,
    kl_budget=6.0,
    seconds=120.0,
    settings={"length": 64, "key": 3, "mode": "minor", "bar": 12, "lowest": 57, "highest": 76, "tempo": 90.0},
    overrides={"learning_rate": 2e-3, "argmax": True},
    primer=(2, 1, 14, 1, 16, 1, 1, 1, 0, 1, 1, 1),
    seed=7,
)
MOLECULE = TuningConfig(
    "molecule",
    "molecule",
    weights={"qed": 20.0, "similarity": 100.0},
    kl_coefficient=0.5,
    warm_start=True,
    settings={
        "target": "CCO",
        "required": ["c1ccccc1"],
        "forbidden": ["N", "O"],
        "catalogues": ["NIH"],
        "bucket": 50,
        "shapes": {"log_p": {"kind": "range", "low": 1.0, "high": 4.0, "soft": 1.0}},
        "prefix": "C",
    },
)


def essence(config: TuningConfig) -> TuningConfig:
    """A config with its settings filled in and nothing said that has no weight."""
    from pages.ui.runs.reuse import STUDIOS

    settings = STUDIOS[config.domain].objective_settings(config.settings)
    weights = {name: weight for name, weight in config.weights.items() if weight}
    return replace(config, settings=json.loads(json.dumps(settings)), weights=weights)


@pytest.mark.parametrize("config", [MELODY, MOLECULE], ids=["melody", "molecule"])
def test_a_run_can_be_started_again_as_it_was(config, started):
    run = store.create_run(config)
    run.write_status(replace(run.status, state="finished"))
    page = ticked(run).run()
    press(page, "runs-use")
    assert not page.exception and not page.error
    assert page.query_params["run"] == run.id
    page.switch_page(f"pages/{config.domain}.py").run()
    press(page, "start")
    assert not page.exception and not page.error
    assert essence(started[-1]) == essence(config)


def test_what_a_page_cannot_set_is_told():
    run = ended("Odd", kl_coefficient=3.1, overrides={"batch": 16}, weights={"key": -1.0}, updates=5)
    page = ticked(run).run()
    press(page, "runs-use")
    assert not page.exception and page.select_slider(key="kl").value == 2.8
    told = texts(page.error)
    assert "kl is 2.8 and not 3.1" in told and "batch = 16 is left out" in told and "updates = 5 is left out" in told
    assert "key is 0.0 and not -1.0" in told


def test_tokens_become_the_notes_that_they_were():
    for settings in (MelodySettings(), MelodySettings(key=5, mode="minor", steps_per_beat=2)):
        tokens = (2, 1, 14, 1, 0, 1, 16, 1, 1, 1, 1, 1, 0, 1, 1, 1)
        tune = tune_of(tokens, settings)
        assert tune is not None and primer_of(tune, settings).tokens == tokens
    assert tune_of((1, 0, 1), MelodySettings()) is None


# ---------------------------------------------------------------- the runs of a studio, in small


def test_a_studio_lists_its_newest_runs_brings_one_back_and_uses_its_settings():
    old, new, other = ended(ODD, kl_coefficient=8.0), ended("New"), ended("Other", domain="molecule", prior="molecule")
    page = opened("melody", run=new.id)
    page.session_state["pane"] = "Runs"
    page.run()
    assert not page.exception and f"bring-{other.id}" not in keys(page)
    assert page.button(key=f"bring-{new.id}").disabled and "c 8 · reward 0.5 · KL 0.50" in texts(page.caption)
    press(page, f"bring-{old.id}")
    assert not page.exception and page.query_params["run"] == old.id
    press(page, "use-viewed")
    assert not page.exception and not page.error and page.select_slider(key="kl").value == 8.0


def test_a_run_that_vanishes_from_a_studio_is_told():
    run = ended()
    page = opened("melody", run=run.id)
    page.session_state["pane"] = "Runs"
    page.run()
    shutil.rmtree(run.folder)
    press(page, "use-viewed")
    assert not page.exception and "no run named" in texts(page.error)
