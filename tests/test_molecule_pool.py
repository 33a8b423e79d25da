"""The pool of scoring processes: order, cache, and real crashes, hangs and deaths."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from seqtutor_core.busy_core import BusyCore
from seqtutor_core.chemistry import pool as pools
from seqtutor_core.chemistry import worker_client
from seqtutor_core.chemistry.cache import PropertyCache, cache_keys
from seqtutor_core.chemistry.pool import LARGEST_CHUNK, SMALLEST_CHUNK, Backoff, Pool, chunk_sizes
from seqtutor_core.chemistry.property_query import SCAFFOLD, Measurement, PropertyQuery
from seqtutor_core.errors import InputError, SeqTutorError, SettingError

ROOT = Path(__file__).resolve().parents[1]
PLAIN = PropertyQuery()
LOG_P = frozenset({"log_p"})
ATOMS = frozenset({"heavy_atoms"})


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    """Two processes, both of which measure, whatever learned in tests before."""
    monkeypatch.setattr(pools, "BUSY_CORE", BusyCore())
    pool = Pool(2)
    yield pool
    pool.close()


def chains(count: int, first: int = 1) -> list[str]:
    """Alkanes; each has as many heavy atoms as letters."""
    return ["C" * n for n in range(first, first + count)]


def atoms(measurements: list[Measurement]) -> list[float]:
    return [f.values["heavy_atoms"] for f in measurements]


def wait_for(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


# ---------------------------------------------------------------- order and cache


def test_facts_come_in_order_and_twice_for_what_is_given_twice(pool: Pool) -> None:
    smiles = [*chains(100), "C1CC", "CC"]
    measurements = pool.measure(smiles, PLAIN, ATOMS)
    assert [f.smiles for f in measurements] == smiles
    assert atoms(measurements[:100]) == list(range(1, 101)) and atoms(measurements[-1:]) == [2]
    assert measurements[100].error.startswith("ring 1 is opened and never closed")
    assert pool.scored == 100
    assert pool.measure([], PLAIN, ATOMS) == []


def test_many_threads_at_once(pool: Pool) -> None:
    def ask(first: int) -> bool:
        smiles = chains(40, first)
        return atoms(pool.measure(smiles, PLAIN, ATOMS)) == [len(s) for s in smiles]

    with ThreadPoolExecutor(12) as threads:
        assert all(threads.map(ask, range(1, 60, 5)))
    assert len(pool.pids) == 2


def test_what_was_measured_is_remembered(pool: Pool) -> None:
    first = pool.measure(["CCO", "c1ccccc1C"], PLAIN, LOG_P)
    assert pool.scored == 2
    pool_pids = pool.pids
    for pid in pool_pids:
        os.kill(pid, signal.SIGSTOP)  # from here on only the cache can answer
    assert pool.measure(["c1ccccc1C", "CCO"], PLAIN, LOG_P) == first[::-1]
    for pid in pool_pids:
        os.kill(pid, signal.SIGCONT)
    assert pool.scored == 2


def test_a_molecule_written_twice_counts_once(pool: Pool) -> None:
    one, other = pool.measure(["CCO"], PLAIN, LOG_P) + pool.measure(["OCC"], PLAIN, LOG_P)
    assert one.canonical == other.canonical and one.values == other.values
    assert other.smiles == "OCC" and pool.scored == 1


def test_more_names_are_measured_later_and_kept_beside(pool: Pool) -> None:
    pool.measure(["c1ccccc1CC"], PLAIN, ATOMS)
    both = pool.measure(["c1ccccc1CC", "CC"], PLAIN, ATOMS | {"largest_ring", SCAFFOLD})
    assert [dict(f.values) for f in both] == [
        {"heavy_atoms": 8, "largest_ring": 6},
        {"heavy_atoms": 2, "largest_ring": 0},
    ]
    assert [f.scaffold for f in both] == ["c1ccccc1", ""]
    before = pool.scored
    assert pool.measure(["c1ccccc1CC"], PLAIN, frozenset({"largest_ring"}))[0].values == {"largest_ring": 6}
    assert pool.scored == before


def test_what_depends_on_the_question_is_kept_by_question(pool: Pool) -> None:
    requested = frozenset({"similarity", "required", "heavy_atoms"})
    queries = [PropertyQuery(("CCO",), ("O",)), PropertyQuery(("CCN",), ("O", "N")), PropertyQuery(("CCO",), ("O",))]
    answers = [pool.measure(["CCO"], q, requested)[0].values for q in queries]
    assert answers[0] == answers[2] == {"similarity": 1, "required": 1, "heavy_atoms": 3}
    assert answers[1]["required"] == 0.5 and answers[1]["similarity"] < 1
    assert pool.scored == 2


def test_memory_forgets_the_least_recently_used() -> None:
    cache, keys = PropertyCache(size=2), cache_keys(PLAIN, {"tpsa"})
    for smiles in ("C", "CC"):
        cache.put(Measurement(smiles, smiles, values={"tpsa": 1.0}), keys)
    cache.get("C", keys)
    cache.put(Measurement("bad", error="why"), keys)
    assert cache.get("CC", keys) == (None, frozenset({"tpsa"}))
    assert cache.get("C", keys) == (Measurement("C", "C", values={"tpsa": 1.0}), frozenset())
    assert cache.get("bad", keys) == (Measurement("bad", error="why"), frozenset())


def test_a_question_at_fault_is_an_error_and_the_processes_go_on(pool: Pool) -> None:
    with pytest.raises(InputError, match="the target 'C1' cannot be used"):
        pool.measure(chains(20), PropertyQuery(target=("C1",)), frozenset({"similarity"}))
    with pytest.raises(InputError, match="not SMARTS"):
        pool.measure(chains(20), PropertyQuery(forbidden=("C(",)), frozenset({"forbidden"}))
    with pytest.raises(SettingError, match="no molecule property named weight"):
        pool.measure(["C"], PLAIN, frozenset({"weight"}))
    assert atoms(pool.measure(chains(20), PLAIN, ATOMS)) == list(range(1, 21))


# ---------------------------------------------------------------- few wake-ups, no idle processes


def test_answers_come_in_order_and_mostly_several_at_a_time() -> None:
    worker, smiles = worker_client.PropertyWorkerClient(10.0), moses_like(64)
    receive, sizes = worker.receive_ready, list[int]()

    def noted(seconds: float) -> list[object]:
        answers = receive(seconds)
        sizes.append(len(answers))
        return answers

    worker.receive_ready = noted  # type: ignore[method-assign]
    try:
        measurements = [*worker.measure(smiles, PLAIN, frozenset({"alerts", "log_p"}))]
    finally:
        worker.end()
    assert [one.smiles for one in measurements] == smiles and {*measurements[-1].values} == {"alerts", "log_p"}
    assert sum(sizes) == 64 and len(sizes) < 32


@pytest.mark.parametrize("processes", [1, 2, 7, 16])
@pytest.mark.parametrize("count", [0, 1, 5, 64, 256, 1000, 4096])
def test_chunks_give_each_process_work_until_shortly_before_the_end(count: int, processes: int) -> None:
    sizes = chunk_sizes(count, processes)
    assert sum(sizes) == count and all(0 < size <= LARGEST_CHUNK for size in sizes)
    assert sizes == sorted(sizes, reverse=True)
    free_at = [0] * processes
    for size in sizes:  # whoever is free first takes the next
        free_at[free_at.index(min(free_at))] += size
    assert max(free_at) - min(free_at) <= min(SMALLEST_CHUNK, -(-count // processes))


# ---------------------------------------------------------------- crashes and hangs


def test_a_killed_process_costs_no_molecule() -> None:
    pool = Pool(1)
    try:
        slow = frozenset({"alerts"})
        pool.measure(["C"], PLAIN, slow)
        [killed] = pool.pids
        killer = threading.Timer(0.1, os.kill, (killed, signal.SIGKILL))
        smiles = moses_like(1500)  # most of a second
        killer.start()
        measurements = pool.measure(smiles, PLAIN, slow)
        killer.join()
        lost = [f for f in measurements if not f.valid]
        assert lost == [] and [f.smiles for f in measurements] == smiles and pool.pids != [killed]
    finally:
        pool.close()


def moses_like(count: int) -> list[str]:
    """Different molecules whose alerts take half a millisecond each."""
    return ["C" * (n % 20) + "c1ccc(NC(=O)c2ccc(C)nc2)cc1" + "C" * (n // 20) for n in range(count)]


ODD = """
import os, signal, sys, time
sys.path.insert(0, {root!r})
from seqtutor_core.chemistry import worker_main
from seqtutor_core.chemistry import properties
read = properties.read
def odd(smiles):
    if smiles == "CCO": os.kill(os.getpid(), 9)
    if smiles == "CCN": time.sleep(600)
    if smiles == "CCS": os.kill(os.getpid(), signal.SIGSTOP)
    return read(smiles)
properties.read = odd
worker_main.main()
"""


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Processes that ethanol kills, ethylamine keeps and ethanethiol stops, their own alarm included."""
    script = tmp_path / "odd.py"
    script.write_text(ODD.format(root=str(ROOT)))
    monkeypatch.setattr(worker_client, "COMMAND", (sys.executable, str(script)))


@pytest.mark.slow
@pytest.mark.usefixtures("odd")
def test_what_kills_or_keeps_a_process_costs_one_molecule_and_a_crash_is_not_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = Pool(1, timeout=1.0)
    try:
        measurements = pool.measure(["CCC", "CCO", "CCN", "CCF"], PLAIN, ATOMS)
        assert [f.error for f in measurements] == ["", "RDKit crashed on this molecule", "took longer than 1 s", ""]
        monkeypatch.undo()
        assert [f.valid for f in pool.measure(["CCO"], PLAIN, ATOMS)] == [True]
    finally:
        pool.close()


@pytest.mark.slow
@pytest.mark.usefixtures("odd")
def test_a_process_that_was_stopped_costs_one_molecule_and_is_ended() -> None:
    pool = Pool(1, timeout=1.0)
    try:
        pool.measure(["C"], PLAIN, ATOMS)
        [stopped] = pool.pids
        measurements = pool.measure(["CCC", "CCS", "CCF"], PLAIN, ATOMS)
        assert [f.error for f in measurements] == ["", "took longer than 1 s", ""]
        assert not alive(stopped)
    finally:
        pool.close()


@pytest.mark.slow
def test_no_process_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "broken.py"
    script.write_text(f"open({str(tmp_path / 'starts')!r}, 'a').write('x')\nimport rdkit_that_is_not_there\n")
    monkeypatch.setattr(worker_client, "COMMAND", (sys.executable, str(script)))
    pool = Pool(1, backoff=Backoff(give_up=2.0))
    with pytest.raises(SeqTutorError, match=r"for 2 s now \(ModuleNotFoundError: .*rdkit_that_is_not_there"):
        pool.measure(["C"], PLAIN, ATOMS)
    assert 2 <= len((tmp_path / "starts").read_text()) <= 8
    pool.close()


@pytest.mark.slow
def test_processes_that_are_killed_at_once_are_started_again_for_a_while(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "killed.py"
    script.write_text(
        f"import os, sys; sys.path.insert(0, {str(ROOT)!r})\n"
        f"open({str(tmp_path / 'starts')!r}, 'a').write('x')\n"
        f"os.path.getsize({str(tmp_path / 'starts')!r}) > 4 or os.kill(os.getpid(), 9)\n"
        "from seqtutor_core.chemistry import worker_main; worker_main.main()\n"
    )
    monkeypatch.setattr(worker_client, "COMMAND", (sys.executable, str(script)))
    pool = Pool(1, backoff=Backoff(longest=0.1))
    try:
        assert atoms(pool.measure(chains(3), PLAIN, ATOMS)) == [1, 2, 3]
    finally:
        pool.close()


# ---------------------------------------------------------------- ends


def test_close_ends_processes_and_whoever_waits() -> None:
    pool = Pool(2)
    pool.measure(chains(10), PLAIN, ATOMS)
    pids = pool.pids
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(pool.measure, moses_like(2000), PLAIN, frozenset({"alerts"}))
        time.sleep(0.2)
        pool.close()
        with pytest.raises(SeqTutorError, match="was closed"):
            waiting.result()
    assert not any(alive(pid) for pid in pids) and pool.pids == []
    with pytest.raises(SeqTutorError, match="was closed"):
        pool.measure(["CCCO"], PLAIN, ATOMS)
    pool.close()


PARENT = """
import sys, time
from seqtutor_core.chemistry import pool
from seqtutor_core.chemistry.property_query import PropertyQuery
shared = pool.shared()
shared.measure(["C" * n for n in range(4, 12)], PropertyQuery(), frozenset({"log_p"}))
print(*shared.pids, flush=True)
"""
BUSY = """
shared.measure(["CCN"], PropertyQuery(), frozenset({"log_p"}))
"""


@pytest.mark.parametrize("then", ["time.sleep(600)", BUSY], ids=["idle", "in a long computation"])
@pytest.mark.usefixtures("odd")
@pytest.mark.slow
def test_processes_end_when_their_parent_is_killed(then: str) -> None:
    script = f"from seqtutor_core.chemistry import worker_client; worker_client.COMMAND = {worker_client.COMMAND!r}\n"
    source = script + PARENT.replace("pool.shared()", "pool.Pool(2, timeout=3.0)") + then
    parent = subprocess.Popen([sys.executable, "-c", source], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout
        pids = [int(p) for p in parent.stdout.readline().split()]
        assert len(pids) == 2 and all(map(alive, pids))
        time.sleep(0.5)
    finally:
        parent.kill()
        parent.wait()
    wait_for(lambda: not any(map(alive, pids)), 20)


@pytest.mark.slow
def test_the_shared_pool_ends_with_the_program() -> None:
    done = subprocess.run([sys.executable, "-c", PARENT], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    wait_for(lambda: not any(alive(int(p)) for p in done.stdout.split()), 5)


def test_a_scoring_process_loads_no_torch() -> None:
    """It stays small, and starts at once."""
    code = "import runpy, sys; sys.argv[1:] = ['property_worker']\n"
    code += "runpy.run_module('seqtutor_core.chemistry.worker_main', run_name='__main__')\n"
    code += "print('torch' in sys.modules)"
    request = json.dumps({"query": {}, "properties": ["qed", "alerts"], "smiles": ["CCO"], "seconds": 5})
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, input=request, capture_output=True, text=True, timeout=60)
    loaded, answer, torch = done.stdout.splitlines()
    assert (loaded, torch) == ("{}", "False")
    assert json.loads(answer)[0] == "CCO"


def test_the_package_of_chemistry_loads_neither_torch_nor_streamlit() -> None:
    """All of it, in a process of its own: nothing has to be faked for a worker to import it."""
    code = (
        "import importlib, pkgutil, sys, seqtutor_core.chemistry as chemistry\n"
        "names = [m.name for m in pkgutil.iter_modules(chemistry.__path__)]\n"
        "for name in names: importlib.import_module(f'seqtutor_core.chemistry.{name}')\n"
        "print(len(names), {'torch', 'streamlit'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    count, _, loaded = done.stdout.strip().partition(" ")
    assert int(count) > 20 and loaded == "set()"


def test_one_shared_pool() -> None:
    assert pools.shared() is pools.shared()
