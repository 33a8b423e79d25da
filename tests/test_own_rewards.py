"""Own rewards, by real processes: what works, and each way of being broken, which costs a sequence and says why."""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
import torch

from seqtutor_core.domains import build_domain
from seqtutor_core.domains.melody import Melody, MelodySettings
from seqtutor_core.domains.molecule import Molecule, MoleculeSettings
from seqtutor_core.domains.molecule.scored_molecules import score_molecules
from seqtutor_core.errors import SettingError
from seqtutor_core.objective import Objective
from seqtutor_core.own_rewards import OwnReward, Score, find, folder, listed, process, scores
from seqtutor_core.own_rewards.folder import EXAMPLES
from seqtutor_core.own_rewards.scores import Scorer

pytestmark = pytest.mark.slow  # each test starts processes

Write = Callable[..., OwnReward]
SLOW = "# seconds: 20\n"  # for what should answer, on however busy a machine


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Return a function that puts a reward into the folder and finds it there."""
    monkeypatch.setenv("SEQTUTOR_HOME", str(tmp_path))

    def writing(text: str, name: str = "mine.py", domain: str = "molecule") -> OwnReward:
        path = folder(domain) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return find(domain, name)

    return writing


@pytest.fixture
def measure() -> Iterator[Callable[..., list[Score]]]:
    """Return a function that scores sequences; its processes end with the test."""
    scorers = []

    def measuring(reward: OwnReward, *sequences: str) -> list[Score]:
        scorers.append(Scorer(reward))
        return scorers[-1].score(sequences)

    yield measuring
    for scorer in scorers:
        scorer.close()


def errors(found: list[Score]) -> list[str]:
    return [one.error for one in found]


# ---------------------------------------------------------------- what works


def test_the_examples_work(measure: Callable[..., list[Score]]) -> None:
    by_domain = {"molecule": ("CC(C)N", "c1ccncc1"), "melody": ("2 3 30 4", "0 1 1 1")}
    wanted = {
        "nitrogen_share.py": [(0.25,), (1 / 6,)],
        "branches.awk": [(0.5,), (1.0,)],
        "arch.py": [(pytest.approx(2 / 3),), (0.0,)],
        "high_notes.awk": [(0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 0.0)],
    }
    for domain, sequences in by_domain.items():
        for path in (EXAMPLES / domain).iterdir():
            found = measure(find(domain, path.name), *sequences)
            assert [one.values for one in found] == wanted.pop(path.name), errors(found)
    assert not wanted


def test_a_file_says_what_it_is_called_and_how_long_it_may_take(write: Write) -> None:
    one = write("# label: Dock: site A\n# range: -12 to 0\n# seconds: 2.5\ndef reward(s): return -1")
    assert (one.label, one.bounds, one.seconds) == ("Dock: site A", (-12.0, 0.0), 2.5)
    assert one.facts == "from -12 to 0, at most 2.5 s each"
    write("/* range: 0 to 2 */", "compiled")
    write("data", "table.csv").path.chmod(0o644)  # data beside them is none
    assert [(r.name, r.bounds, r.is_example) for r in listed("molecule")][:2] == [
        ("compiled", (0.0, 2.0), False),
        ("mine.py", (-12.0, 0.0), False),
    ]
    for header, message in (
        ("range: 1 to 0", "smaller number first"),
        ("range: big", "two numbers"),
        ("seconds: 0", "above 0"),
    ):
        with pytest.raises(SettingError, match=message):
            write(f"# {header}\n")


def test_a_version_of_the_users_hides_an_example_and_a_changed_file_counts_at_once(write: Write) -> None:
    own = write(SLOW + "def reward(s): return 1", "nitrogen_share.py")
    assert not own.is_example
    assert scores.scorer(own).score(["C"])[0].values == (1.0,)
    changed = write(SLOW + "def reward(s): return 20", "nitrogen_share.py")
    assert scores.scorer(changed).score(["C"])[0].values == (20.0,)


def test_only_bare_names_are_looked_for(write: Write) -> None:
    write("def reward(s): return 1")
    for name in ("../molecule/mine.py", "/etc/passwd", ".mine.py", "a b.py"):
        with pytest.raises(SettingError, match="without folders"):
            MoleculeSettings(own=name)
    with pytest.raises(SettingError, match=r"no own reward named 'gone.py' in .*put the file back, or choose another"):
        find("molecule", "gone.py")


# ---------------------------------------------------------------- what is broken

BROKEN = {  # a body that fails on O alone, and what is said
    "raise ValueError('no oxygen')": r"ValueError: no oxygen \(line 4\)",
    "return 'much'": "returned 'much', not a number",
    "return 'x' * 10_000_000": "returned 'xxx.*not a number",
    "return [0.0] * 3_000_000": "wrote more than 64 kB",
    "return None": "returned None, not a number",
    "return []": "returned 0 numbers; one is needed",
    "return float('nan')": "returned nan, which is no finite number",
    "return 7": "returned 7, outside of its range from 0 to 1",
    "exit()": "called exit",
    "import os; os._exit(3)": "ended by itself",
    "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)": "ended by itself",
    "return [0.0] * 1000_000_000": r"needs more memory|took longer|ended by itself",
}


@pytest.mark.parametrize(("body", "message"), BROKEN.items())
def test_a_broken_function_costs_the_molecule_alone(write: Write, measure, body: str, message: str) -> None:
    reward = write(f"# range: 0 to 1\n{SLOW}def reward(s):\n    if s == 'O': {body}\n    return 0.5\n")
    found = measure(reward, "C", "O", "N")
    assert [one.values for one in found] == [(0.5,), (), (0.5,)]
    assert re.search(message, found[1].error), found[1].error


def test_what_is_printed_is_no_answer(write: Write, measure) -> None:
    reward = write(SLOW + "import sys\ndef reward(s):\n    print('7'); print('x' * 10_000_000); return 0.5\n")
    assert [one.values for one in measure(reward, "C", "O")] == [(0.5,), (0.5,)]


def test_one_that_hangs_is_ended_with_all_that_it_started(write: Write, measure, tmp_path: Path) -> None:
    reward = write(
        "# seconds: 0.5\nimport os, subprocess, time\ndef reward(s):\n    if s == 'O':\n"
        "        child = subprocess.Popen(['sleep', '300'])\n"
        f"        open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n"
        "        time.sleep(300)\n    return 0.5\n"
    )
    found = measure(reward, "O")
    assert errors(found) == ["took longer than 0.5 s"]
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 20
    while is_alive(pid):
        assert time.monotonic() < deadline, "what it started goes on"
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except OSError:
        return False


def test_one_that_always_hangs_is_given_up_after_a_few(write: Write, measure) -> None:
    reward = write("# seconds: 0.2\nimport time\ndef reward(s): time.sleep(300)\n")
    scorer = Scorer(reward)
    found = scorer._by_python([f"{'C' * n}" for n in range(1, 9)])
    assert errors(found)[:3] == ["took longer than 0.2 s"] * 3
    assert all(one.error.startswith(scores.UNTRIED) for one in found[3:])
    scorer.close()


def test_a_fork_answers_once(write: Write, measure) -> None:
    reward = write(SLOW + "import os\ndef reward(s):\n    os.fork()\n    return float(len(s))\n")
    assert [one.values for one in measure(reward, "C", "CC", "CCC")] == [(1.0,), (2.0,), (3.0,)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def rewards(s): return 1", "it has no function named reward"),
        ("import nothing_of_this_name", r"ModuleNotFoundError: .*\(line 1\)"),
        ("def reward(s) return 1", r"SyntaxError: .*\(line 1\)"),
        ("raise SystemExit", "called exit"),
    ],
)
def test_a_file_that_cannot_be_loaded_says_why(write: Write, measure, text: str, message: str) -> None:
    found = measure(write(text), "C")
    assert not found[0].values and re.search(message, found[0].error), found[0].error


PROGRAMS = {  # what a program does with a line O, and what is said; it writes 1 for others
    "exit 3": "exit status 3",
    "true": "wrote 0 lines for 1 sequence",
    "echo hello": "wrote 'hello' instead of a number",
    "echo 1; echo 2": "wrote 2 lines for 1 sequence",
    "echo nan": "returned nan",
    "head -c 10000000 /dev/zero": "wrote more than 64 kB for a sequence",
    "kill -9 $$": "exit status -9",
}


@pytest.mark.parametrize(("line", "message"), PROGRAMS.items())
def test_a_broken_program_costs_the_molecule_alone(write: Write, measure, line: str, message: str) -> None:
    script = f"#!/bin/sh\n{SLOW}while read s; do\n  if [ $s = O ]; then {line}; else echo 1; fi\ndone\n"
    found = measure(write(script, "program"), "C", "N", "O", "CC")
    assert [one.values for one in found] == [(1.0,), (1.0,), (), (1.0,)], errors(found)
    assert message in found[2].error


def test_a_program_that_hangs_or_never_reads_is_ended(write: Write, measure, monkeypatch) -> None:
    monkeypatch.setattr(process, "STARTING_SECONDS", 0.3)
    reward = write("#!/bin/sh\n# seconds: 0.1\nsleep 300\n", "program")
    assert errors(measure(reward, "C")) == ["took longer than 0.4 s"]


def test_a_program_that_cannot_be_started_says_so(write: Write, measure) -> None:
    found = measure(write("#!/no/such/interpreter\n" + SLOW, "program"), "C")
    assert "No such file" in found[0].error


# ---------------------------------------------------------------- in a domain


def pay(domain: Molecule | Melody, *rows: list[int]) -> torch.Tensor:
    lengths = torch.tensor([len(row) for row in rows])
    width = max(map(len, rows))
    return domain.score(torch.tensor([[*row, *[domain.end or 0] * (width - len(row))] for row in rows]), lengths)


def test_molecules_are_paid_and_a_failure_is_told_while_a_run_lives(write: Write) -> None:
    write(
        "# range: 0 to 1\n" + SLOW + "def reward(s):\n    if s == 'CCO': raise ValueError('no alcohol')\n    return 0.5"
    )
    domain = Molecule(MoleculeSettings(own="mine.py"))
    assert (domain.terms[-2].label, *domain.terms[-2].bounds) == ("Mine", 0, 1)
    rows = [[*domain.tokens.encode(smiles), domain.tokens.end] for smiles in ("OCC", "CCN", "C1CC")]
    assert not pay(domain, *rows)[..., -2].any()  # no weight asks for it yet
    assert [domain.set_active_terms({"own": weight}) for weight in (1.0, 2.0)] == [True, False]
    assert pay(domain, *rows).sum(1)[:, -2].tolist() == [0, 0.5, 0]
    lengths = torch.tensor([len(row) for row in rows])
    tokens = torch.tensor([[*row, *[domain.tokens.end] * (5 - len(row))] for row in rows])
    for _ in range(40):
        figures = domain.observe(tokens, lengths)
    assert figures["unknown"] == 0
    (alarm,) = [one for one in domain.alarms([]) if "mine.py" in one.title]
    assert "50.0%" in alarm.title and alarm.advice == "ValueError: no alcohol (line 4)"
    (lost, found) = score_molecules(Objective(domain, {"own": 4.0}, 1.0), ["OCC", "CCN"])
    assert (lost.reward, found.reward) == (0, 2)
    line = next(iter(domain.score_lines(["OCC"])))
    assert line["terms"]["own"] is None and "no alcohol" in line["unknown"]["own"]


def test_melodies_are_paid_once_or_step_by_step_and_only_whole(write: Write) -> None:
    write(SLOW + "def reward(tokens): return float(sum(tokens))", "once.py", "melody")
    write(SLOW + "def reward(tokens): return [t + 0.5 for t in tokens]", "steps.py", "melody")
    domain = Melody(MelodySettings(own="once.py", own_2="steps.py", length=16))
    domain.set_active_terms({"own": 1.0, "own_2": 1.0})
    tokens = [*range(2, 18)]
    points = pay(domain, tokens)[0]
    assert points[:, -2].tolist() == [*[0] * 15, sum(tokens)]
    assert points[:, -1].tolist() == [token + 0.5 for token in tokens]
    assert not pay(domain, tokens[:9])[0, :, -2:].any()


def test_one_that_goes_missing_costs_its_term_and_not_the_run(write: Write) -> None:
    reward = write(SLOW + "def reward(tokens): return 1", "here.py", "melody")
    domain = Melody(MelodySettings(own="here.py", length=16))
    domain.set_active_terms({"own": 1.0})
    reward.path.unlink()
    tokens = torch.arange(2, 18).unsqueeze(0)
    assert not domain.score(tokens)[..., -2].any()
    domain.observe(tokens, torch.tensor([16]))
    assert "put the file back" in domain.alarms([])[0].advice
    again = build_domain("melody", {"own": "here.py"})  # a reload: its runs can still be looked at
    with pytest.raises(SettingError, match="put the file back"):
        again.set_active_terms({"own": 1.0})
    with pytest.raises(SettingError, match="nothing to go by"):
        build_domain("melody").set_active_terms({"own_2": 1.0})


# ---------------------------------------------------------------- kept on the disk

COUNTED = """
# seconds: 20
import pathlib, time
def reward(smiles):
    with open(pathlib.Path(__file__).parent / "calls.txt", "a") as file:
        file.write(smiles + "\\n")
    time.sleep(0.01)
    if smiles == "N":
        raise ValueError("no nitrogen")
    return len(smiles)
"""


def calls(reward: OwnReward) -> list[str]:
    return sorted((reward.path.parent / "calls.txt").read_text().split())


def test_what_was_dear_is_not_paid_for_again_by_another_process(
    write: Write, measure: Callable[..., list[Score]]
) -> None:
    reward = write(COUNTED)
    first = measure(reward, "CC", "C", "N", "CC")
    assert [one.values for one in first] == [(2.0,), (1.0,), (), (2.0,)] and "no nitrogen" in first[2].error
    assert measure(reward, "C", "CCC", "CC") == [Score((1.0,)), Score((3.0,)), Score((2.0,))]
    assert calls(reward) == ["C", "CC", "CCC", "N"]
    measure(reward, "N")
    assert calls(reward).count("N") == 2, "what failed is tried again"
    reward.path.touch()
    assert measure(find("molecule", "mine.py"), "CC") == [Score((2.0,))]
    changed = write(COUNTED + "# another\n")
    assert measure(changed, "CC") == [Score((2.0,))]
    assert calls(changed).count("CC") == 2, "a changed file is measured anew"
    scorer = Scorer(reward)
    scorer.score(["CC"], anew=True)
    scorer.close()
    assert calls(reward).count("CC") == 3


def test_what_two_rollouts_share_is_paid_for_once(write: Write) -> None:
    reward = write(COUNTED)
    domain = Molecule(MoleculeSettings(own="mine.py"))
    domain.set_active_terms({"own": 1.0})
    rows = torch.tensor([[*domain.tokens.encode("C" * n), *[domain.tokens.end] * (31 - n)] for n in range(1, 31)])
    with ThreadPoolExecutor(2) as threads:  # as the tuner's, which measures one beside the other
        wait([threads.submit(domain.measure, rows.clone(), torch.arange(2, 32)) for _ in range(2)])
    assert calls(reward) == sorted("C" * n for n in range(1, 31))


@pytest.mark.parametrize("header", ["# keep: no", ""])
def test_what_is_cheap_or_changes_by_itself_is_not_kept(
    write: Write, measure: Callable[..., list[Score]], monkeypatch: pytest.MonkeyPatch, header: str
) -> None:
    if not header:
        monkeypatch.setattr(scores, "DEAR", 1e6)
    reward = write(header + COUNTED)
    for _ in range(2):
        assert measure(reward, "C") == [Score((1.0,))]
    assert calls(reward) == ["C", "C"]


def test_values_that_were_cut_short_or_tampered_with_are_measured_again(
    write: Write, measure: Callable[..., list[Score]]
) -> None:
    reward = write("# range: 0 to 5" + COUNTED)
    measure(reward, "C", "CC", "CCC")
    (kept,) = (folder("molecule").parents[1] / "measured").iterdir()
    lines = kept.read_text().split("\n")
    kept.write_text("\n".join(lines).replace('["C", [1.0]]', '["C", [99.0]]').replace('["CC", [2.0]]', '["CC", [2.'))
    with open(kept, "a") as file:
        file.write('{"x": 1}\n[1, 2]\n["CCCC", ["x"]]\n["O", [')  # the last without an end
    assert measure(reward, "C", "CC", "CCC", "CCCC", "O") == [Score((float(n),)) for n in (1, 2, 3, 4, 1)]
    assert calls(reward) == ["C", "C", "CC", "CC", "CCC", "CCCC", "O"]
    assert measure(reward, "O") == [Score((1.0,))] and calls(reward).count("O") == 1


def test_a_disk_that_takes_nothing_costs_nothing_else(write: Write, measure: Callable[..., list[Score]]) -> None:
    reward = write(COUNTED)
    (folder("molecule").parents[1] / "measured").write_text("in the way")
    assert measure(reward, "C", "CC") == [Score((1.0,)), Score((2.0,))]
