"""The workbench: what users give is worked on by other processes, within a deadline and a limit of memory."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from seqtutor_core.chemistry import remote, workbench, worker_client
from seqtutor_core.chemistry.files import Row
from seqtutor_core.chemistry.inputs import molecule
from seqtutor_core.chemistry.workbench import Workbench
from seqtutor_core.errors import InputError, SeqTutorError, TokenError
from tests.test_canvas import needs_drawings

ROOT = Path(__file__).resolve().parents[1]
ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


@pytest.fixture
def bench() -> Iterator[Workbench]:
    bench = Workbench()
    yield bench
    bench.close()


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Operations that do what no text should be able to."""
    script = tmp_path / "odd.py"
    script.write_text(
        f"import os, sys, time; sys.path.insert(0, {str(ROOT)!r})\n"
        "from seqtutor_core.chemistry import input_worker, worker_main\n"
        "def once(path):\n"
        "    open(path, 'a').write('x')\n"
        "    os.path.getsize(path) > 1 or os.kill(os.getpid(), 9)\n"
        "    return 'well'\n"
        "input_worker.OPERATIONS |= {'sleep': lambda seconds: time.sleep(seconds),\n"
        "    'fill': lambda size: len(bytes(size)),\n"
        "    'die': lambda: os.kill(os.getpid(), 9), 'once': once, 'divide': lambda by: 1 / by}\n"
        "worker_main.main()\n"
    )
    monkeypatch.setattr(worker_client, "COMMAND", (sys.executable, str(script)))


@needs_drawings
def test_what_an_operation_gives_comes_back() -> None:
    assert remote.molecule("OC(=O)C.[Na+]") == molecule("OC(=O)C.[Na+]")
    assert remote.smarts("[NX3;H2]\nc1ccccc1") == ("[NX3;H2]", "c1ccccc1")
    assert remote.drawing(ASPIRIN, 200, 150, ["C(=O)[OH]"]).startswith("<svg")
    assert "M  END" in remote.conformer("CCO")
    assert remote.write_file("smi", [Row("CCO", "ethanol")]) == b"CCO\tethanol\n"


def test_errors_come_back_as_what_they_are() -> None:
    with pytest.raises(InputError, match="ring 1 is opened and never closed"):
        remote.molecule("C1CC")
    with pytest.raises(TokenError, match="not among the prior's tokens"):
        remote.prefix("C[Si]")


@pytest.mark.usefixtures("odd")
def test_a_deadline(bench: Workbench) -> None:
    with pytest.raises(InputError, match=r"longer than 0\.5 s"):
        bench.run("sleep", {"seconds": 600}, 0.5)
    assert bench.pids == []
    with pytest.raises(InputError, match=r"longer than 0\.5 s"):
        bench.run("sleep", {"seconds": 600}, 0.5)  # remembered for a while
    assert bench.pids == []
    assert bench.run("molecule", {"text": "CCO"})["smiles"] == "CCO"


@pytest.mark.usefixtures("odd")
def test_a_limit_of_memory_and_an_error_that_is_not_ours(bench: Workbench) -> None:
    assert bench.run("fill", {"size": 10**8}) == 10**8
    with pytest.raises(InputError, match=r"more memory than 1\.5 GiB"):
        bench.run("fill", {"size": 2 * 2**30})
    with pytest.raises(InputError, match="ZeroDivisionError: division by zero"):
        bench.run("divide", {"by": 0})
    assert bench.run("divide", {"by": 2}) == 0.5


@pytest.mark.usefixtures("odd")
def test_a_process_that_is_killed_is_replaced_and_a_text_that_kills_is_given_up(
    bench: Workbench, tmp_path: Path
) -> None:
    assert bench.run("once", {"path": str(tmp_path / "times")}) == "well"
    with pytest.raises(InputError, match="RDKit crashed on it"):
        bench.run("die", {})
    bench.run("divide", {"by": 1})
    os.kill(bench.pids[0], signal.SIGKILL)
    assert bench.run("divide", {"by": 4}) == 0.25


@pytest.mark.usefixtures("odd")
def test_slow_work_keeps_nobody_waiting(bench: Workbench) -> None:
    bench.run("divide", {"by": 1})
    with ThreadPoolExecutor(4) as threads:
        slow = [threads.submit(bench.run, "sleep", {"seconds": 600 + i}, 12.0) for i in range(2)]
        assert [*threads.map(lambda by: bench.run("divide", {"by": by}), (1, 2, 4, 8))] == [1, 0.5, 0.25, 0.125]
        assert not any(each.done() for each in slow)
        bench.close()
        assert all(isinstance(each.exception(), SeqTutorError) for each in slow)


@pytest.mark.usefixtures("odd")
def test_a_turn_is_not_waited_for_without_end() -> None:
    bench = Workbench(turn_seconds=0.2)
    threads = [threading.Thread(target=_asleep, args=(bench, i), daemon=True) for i in range(workbench.QUICK)]
    for each in threads:
        each.start()
    while len(bench.pids) < workbench.QUICK:
        time.sleep(0.01)
    with pytest.raises(InputError, match="for the work of others"):
        bench.run("divide", {"by": 3})
    bench.close()


def _asleep(bench: Workbench, number: int) -> None:
    with pytest.raises(SeqTutorError):
        bench.run("sleep", {"seconds": 600 + number})


def test_answers_are_remembered_and_the_oldest_forgotten(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbench, "CACHE_BYTES", 250)
    bench.run("molecule", {"text": "CCO"})
    os.kill(bench.pids[0], signal.SIGSTOP)  # only memory can answer
    assert bench.run("molecule", {"text": "CCO"})["smiles"] == "CCO"
    os.kill(bench.pids[0], signal.SIGCONT)
    for text in ("CCCO", "CCCCO", "CCCCCO", "CCCCCCO"):
        bench.run("molecule", {"text": text})
    assert 0 < len(bench._answers) < 5 and bench._size <= 250


def test_it_ends_with_the_program_and_loads_no_torch() -> None:
    code = (
        "import os, signal\nfrom seqtutor_core.chemistry import workbench\n"
        "workbench.run('molecule', {'text': 'CCO'})\n[pid] = workbench.shared().pids\n"
        "print(pid, 'torch' in open(f'/proc/{pid}/maps').read(), flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    pid, torch = done.stdout.split()
    assert torch == "False"
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()
