"""A real Slurm of two nodes on this machine, without rights and without a database."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")
PLACES = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"
MISSING = [name for name in PROGRAMS if shutil.which(name, path=PLACES) is None]
needs_slurm = pytest.mark.skipif(bool(MISSING), reason="no Slurm is installed: sudo apt-get install slurm-wlm munge")

# Nodes of one core each, on one host; the partition `brief` takes no job of more than a minute.
CONFIGURED = """ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
StateSaveLocation={folder}/state
SlurmdPidFile={folder}/%n.pid
SlurmdLogFile={folder}/%n.log
SlurmdSpoolDir={folder}/%n
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,batch_sched_delay=0
KillWait=2
NodeName=one NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=1
NodeName=two NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=1
PartitionName=usual Nodes=one,two Default=YES MaxTime=60
PartitionName=brief Nodes=one,two MaxTime=1
"""


@contextmanager
def slurm() -> Iterator[None]:
    """Let sbatch and its like, in this process and what it starts, speak to a Slurm of its own."""
    folder = Path(tempfile.mkdtemp(prefix="slurm"))  # a short path, for it holds a socket
    for name in ("state", "one", "two"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    host, user = socket.gethostname().partition(".")[0], subprocess.check_output(["id", "-un"], text=True).strip()
    (folder / "slurm.conf").write_text(CONFIGURED.format(folder=folder, host=host, user=user, ports=_ports(3)))
    files = [f"--{name}-file={folder}/munge.{name}" for name in ("key", "pid", "log", "seed")]
    munge = ["munged", "--foreground", "--force", f"--socket={folder}/munge.socket", *files]
    commands = [munge, ["slurmctld", "-D"], ["slurmd", "-D", "-N", "one"], ["slurmd", "-D", "-N", "two"]]
    running: list[subprocess.Popen[bytes]] = []
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PATH", PLACES)
        environment.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        try:
            with (folder / "log").open("w") as log:
                running = [subprocess.Popen(command, stdout=log, stderr=log) for command in commands]
            _wait_for_answer(["sinfo", "--partition=usual", "--states=idle", "--format=%D"], "2", folder)
            yield
            subprocess.run(["scancel", "--full", f"--user={user}"], check=False, capture_output=True)
            _wait_for_answer(["squeue"], "", folder)  # what watches over a job would outlive its node
        finally:
            _end(running)
            shutil.rmtree(folder, ignore_errors=True)


def _end(running: Sequence[subprocess.Popen[bytes]]) -> None:
    """End the nodes before what they speak to."""
    for process in reversed(running):
        process.terminate()
    for process in running:
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:  # a node that waits for the end of a job
            process.kill()
            process.wait()


def _ports(count: int) -> list[int]:
    """Return ports that were free a moment ago."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    found = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return found


def _wait_for_answer(question: Sequence[str], wanted: str, folder: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        answer = subprocess.run([*question, "--noheader"], capture_output=True, text=True, check=False)
        if answer.returncode == 0 and answer.stdout.strip() == wanted:
            return
        time.sleep(0.2)
    logs = "\n".join(path.read_text(errors="replace")[-2000:] for path in folder.glob("*log"))
    raise AssertionError(f"Slurm, asked by {question[0]}: {answer.stdout}{answer.stderr}\n{logs}")
