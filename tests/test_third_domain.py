"""A third domain, registered by this file alone, goes everywhere: trained, previewed, tuned, gauged, swept, scored.

Words of brackets that should close what they open. The network sees how deep it is, by a feature of this file's own.
With the setting `ends` a word may end early and is paid when it does, as molecules are; without it along the way, as
melodies are.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from seqtutor_core import priors
from seqtutor_core.cli.main import main
from seqtutor_core.config import TuningConfig, learner_settings
from seqtutor_core.domains import BaseDomain, Domain, DomainEntry, RewardTerm, build_domain
from seqtutor_core.domains.registry import DOMAINS
from seqtutor_core.features import InputFeature, InputFeatures, LastToken, State, delayed
from seqtutor_core.frontier import frontier
from seqtutor_core.network import NetworkSettings
from seqtutor_core.objective import Objective
from seqtutor_core.policy import Policy
from seqtutor_core.preview import draw_preview
from seqtutor_core.rules import check, flag, made, whole
from seqtutor_core.runs import launcher, run_loop, store
from seqtutor_core.training import Sequences, TrainingSettings
from seqtutor_core.vocabulary import Vocabulary

VOCABULARY = Vocabulary(["(", ")", "a", "."])
MOVE = torch.tensor([1, -1, 0, 0])  # of the depth, by token
DEEPEST = 5


# ---------------------------------------------------------------- the domain


class Depth:
    """How many brackets are open, from none to DEEPEST."""

    sizes: tuple[int, ...] = (DEEPEST + 1,)

    def sequence_ids(self, tokens: Tensor, start: int) -> Tensor:
        return delayed(MOVE.to(tokens.device)[tokens].cumsum(1), 1, 0).clamp(0, DEEPEST).unsqueeze(2)

    def initial_state(self, batch: int, steps: int, device: torch.device) -> State:
        return (torch.zeros(batch, dtype=torch.long, device=device),)

    def step_ids(self, state: State, step: int) -> Tensor:
        return state[0].clamp(0, DEEPEST).unsqueeze(1)

    def next_state(self, state: State, tokens: Tensor, step: int) -> State:
        return (state[0] + MOVE.to(tokens.device)[tokens],)


FEATURES: Mapping[str, InputFeature] = {"token": LastToken(len(VOCABULARY)), "depth": Depth()}


@dataclass(frozen=True)
class BracketSettings:
    """What a word may be."""

    length: int = 10
    ends: bool = False

    def __post_init__(self) -> None:
        check(self, length=whole(2, 100), ends=flag)


class Brackets(BaseDomain):
    """Words of brackets."""

    name = "brackets"
    vocabulary = VOCABULARY
    features = FEATURES
    terms: tuple[RewardTerm, ...] = (
        RewardTerm("closed", "Closed", "Brackets", "+1 for a bracket that closes one.", 1.0, 5.0, "points", (0.0, 50)),
        RewardTerm("lost", "Lost", "Brackets", "-1 for a bracket that closes none.", 1.0, 5.0, "points", (-100, 0.0)),
    )

    def __init__(self, settings: BracketSettings) -> None:
        self.settings, self.length = settings, settings.length
        self.terminal_reward = settings.ends
        self.end = VOCABULARY.id(".") if settings.ends else None

    def score(self, tokens: Tensor, lengths: Tensor, only: Collection[str] | None = None) -> Tensor:
        depth = MOVE[tokens].cumsum(1)
        lowest = torch.cat([torch.zeros_like(depth[:, :1]), depth.cummin(1).values.clamp(max=0)], 1)
        lost = (torch.diff(lowest, dim=1) < 0).double()  # (B, T)
        earned = torch.stack([(tokens == 1).double() - lost, 0.0 - lost], -1)
        if not self.terminal_reward:
            return earned
        rows = torch.arange(len(tokens))
        paid = torch.zeros_like(earned)
        paid[rows, lengths - 1] = earned.cumsum(1)[rows, lengths - 1]
        return paid

    def metrics(self, tokens: Tensor, lengths: Tensor) -> dict[str, float | None]:
        return {"mean_length": lengths.double().mean().item()}

    def to_json(self, tokens: Any) -> dict[str, Any]:
        return {"word": "".join(VOCABULARY.tokens[token] for token in tokens)}

    def parse(self, line: str) -> list[int]:
        return [VOCABULARY.id(letter) for letter in line.strip()]


class Recipes:
    """How its prior is trained."""

    RECIPES: Mapping[str, TrainingSettings] = {
        "brackets": TrainingSettings(
            NetworkSettings(len(VOCABULARY), hidden=8, embedding=4, inputs=InputFeatures(FEATURES).sizes),
            epochs=2,
            learning_rate=0.02,
            average=0.5,
        )
    }
    DATA: Mapping[str, Any] = {"source": "made up", "licence": "none"}
    STARTS: Mapping[str, str] = {}
    SETTINGS: Mapping[str, Any] = {}
    FILE = ""

    def input_features(self, period: int) -> Mapping[str, InputFeature]:
        return FEATURES

    def build(self, folder: Path, progress: Any, file: str) -> dict[str, object]:
        return {"words": 3}

    def ship(self, folder: Path) -> None:
        """Nothing to carry."""

    def sequences(self, folder: Path, recipe: str) -> tuple[Sequences, Sequences]:
        words = [(tuple(VOCABULARY.id(c) for c in word), 0) for word in ("(a)((a))a.", "a(a)a).", "((a)a(a)).")] * 20
        return words, words[:3]

    def corpus_facts(self, folder: Path) -> dict[str, Any]:
        return {"words": 3}


def build(settings: Mapping[str, Any]) -> Domain:
    return Brackets(made(BracketSettings, settings, "bracket setting"))


# ---------------------------------------------------------------- everywhere


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One line of the registry, and a worker that works here, since a process of its own would not know this file."""
    defaults = {"default": {"trajectory_balance": {"batch": 64, "minibatch": 32}}}
    entry = DomainEntry(build, {"brackets": Recipes}, kl_coefficient=0.5, learner_defaults=lambda: defaults)
    monkeypatch.setitem(DOMAINS, "brackets", entry)
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(launcher, "launch", run_loop.execute_run)


@pytest.fixture(scope="module")
def prior(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Trained by the command line."""
    folder = tmp_path_factory.mktemp("priors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DOMAINS, "brackets", DomainEntry(build, {"brackets": Recipes}))
        patch.setenv("SEQTUTOR_HOME", str(folder / "home"))
        assert main(["prior", "corpus", "brackets"]) == 0
        assert main(["prior", "train", "brackets", "--out", str(folder)]) == 0
    yield folder / "brackets"


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[Any]:
    """The lines that a command prints as JSON."""
    capsys.readouterr()
    assert main([*map(str, arguments)]) == 0, capsys.readouterr().err
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_its_card_says_what_its_network_sees(prior: Path) -> None:
    card = json.loads((prior / "card.json").read_text())
    assert card["domain"] == "brackets" and card["network"]["inputs"] == {"token": [5], "depth": [6]}
    assert card["samples"]["mean_length"] == 10
    assert priors.load(str(prior), space=build_domain("brackets")).network.settings.sizes == [5, 6]


@pytest.mark.parametrize("ends", [False, True])
def test_it_is_previewed_tuned_gauged_and_scored(prior: Path, ends: bool, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = ["--prior", prior, "--set", f"ends={json.dumps(ends)}", "--set", "length=12", "--json"]
    (seen,) = run(capsys, "preview", "brackets", *wanted, "--particles", 64)
    assert len(seen["samples"]) == 64 and set("".join(each["word"] for each in seen["samples"])) <= set("()a.")
    assert ("exact" in seen) == ends

    (summary,) = run(capsys, "tune", "brackets", *wanted, "--updates", 4, "--learner", "trajectory_balance")
    assert (summary["domain"], summary["updates"], summary["kl_coefficient"]) == ("brackets", 4, 0.5)
    assert summary["gauge"]["at_most"] is not None and 0 < summary["metrics"]["mean_length"] <= 12
    found = store.open_run(summary["run"])
    assert found.state == "finished" and found.config.learner_settings.batch == 64

    (gauge,) = run(capsys, "gauge", summary["run"], "-n", 64, "--json")
    assert gauge["log_z_at_least"] >= gauge["j_prior"] and len(gauge["sources"]) == (2 if ends else 4)
    (figures,) = run(capsys, "evaluate", summary["run"], "-n", 64, "--json")
    assert figures["n"] == 64 and figures["reward"] > -12
    assert len(run(capsys, "sample", summary["run"], "-n", 5, "--json")) == 5
    (timed,) = run(capsys, "bench", "brackets", *wanted, "--updates", 2, "--learner", "psi")
    assert timed["domain"] == "brackets" and timed["environment_steps"] > 0


def test_its_lines_are_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "words").write_text("(a)(())a))\n")
    (line,) = run(capsys, "score", "brackets", tmp_path / "words")
    assert {name: sum(values) for name, values in line["terms"].items()} == {"closed": 3, "lost": -2}
    (tmp_path / "words").write_text("(b)\n")
    assert main(["score", "brackets", str(tmp_path / "words")]) == 1
    assert "'b'" in capsys.readouterr().out


def test_it_is_swept_over_c(prior: Path) -> None:
    """More reward for more KL, as c falls."""
    brackets = build_domain("brackets", {"ends": True})
    policy = Policy(brackets, priors.load(str(prior), space=brackets).network)
    seen = draw_preview(policy, Objective(brackets, {"closed": 1.0}, 0.5), n=512)
    points = frontier(seen.samples, [2.0, 1.0, 0.5])
    assert (torch.diff(points.reward) > 0).all() and (torch.diff(points.kl) > 0).all()


def test_what_it_leaves_out_has_a_default() -> None:
    assert TuningConfig("brackets", "brackets").kl_coefficient == 0.5
    assert learner_settings("brackets", "trajectory_balance").batch == 64
    assert learner_settings("brackets", "psi").batch == 256
    assert build_domain("brackets").state_dict() == {} and build_domain("brackets").alarms([]) == []


def test_the_walk_quotes_what_is_there() -> None:
    """docs/extending.md shows pieces of mini, of the registry and of this file."""
    root = Path(__file__).resolve().parents[1]
    core = root / "seqtutor_core" / "domains"

    def plain(text: str) -> str:
        return "\n".join(line.strip() for line in text.splitlines())

    sources = [plain(p.read_text()) for p in (core / "mini" / "__init__.py", core / "registry.py", Path(__file__))]
    quoted = re.findall(r"```python\n(.*?)```", (root / "docs" / "extending.md").read_text(), re.DOTALL)
    assert len(quoted) > 5
    for piece in quoted:
        assert any(plain(piece).strip() in source for source in sources), piece
