"""A reward measured by the nodes of a Ray cluster, for one that takes seconds or minutes a sequence.

A task is a command, as a sweep's run is: this module, on a node that has the program at the same place and sees the
same run home. It reads the reward's name and some sequences, and writes their values.
"""

import json
import subprocess
import sys
from collections.abc import Sequence

from seqtutor_core.cluster import connect
from seqtutor_core.environment import for_processes
from seqtutor_core.errors import SeqTutorError
from seqtutor_core.own_rewards.folder import OwnReward, find
from seqtutor_core.own_rewards.process import Broken

STARTING = 60.0  # seconds beyond those of the sequences
TRIES = 2  # of a task that fails as a whole: its node went, or the program was killed

Answer = tuple[list[float] | None, str]
"""Values of a sequence, or why there are none."""


def measure(reward: OwnReward, sequences: Sequence[str], address: str) -> list[Answer]:
    """Return the answer for each sequence, in order; Broken where the cluster cannot be used at all.

    As many tasks as the cluster has cores; one that is lost is tried once more.
    """
    try:
        ray = connect(address)
        cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
    except SeqTutorError as error:
        raise Broken(str(error)) from None
    size = -(-len(sequences) // cores)
    chunks = [sequences[i : i + size] for i in range(0, len(sequences), size)]
    answers: dict[int, list[Answer]] = {}
    why = ""
    for _ in range(TRIES):
        missing = [i for i in range(len(chunks)) if i not in answers]
        tasks = {i: _task(ray, reward, chunks[i]) for i in missing}
        for i, task in tasks.items():
            try:
                answers[i] = _read(ray.get(task), len(chunks[i]))
            except (ray.exceptions.RayError, subprocess.TimeoutExpired, ValueError) as error:
                why = f"its task on the cluster was lost: {str(error).strip().splitlines()[0]}"
    return [one for i, chunk in enumerate(chunks) for one in answers.get(i, [(None, why)] * len(chunk))]


def _task(ray, reward: OwnReward, sequences: Sequence[str]):  # type: ignore[no-untyped-def]  # Ray has no types
    settings = [f"{name}={value}" for name, value in for_processes().items()]
    command = ["env", *settings, sys.executable, "-m", __name__]
    question = json.dumps({"domain": reward.domain, "name": reward.name, "sequences": list(sequences)})
    seconds = STARTING + TRIES * reward.seconds * len(sequences)
    options = {"input": question.encode(), "capture_output": True, "timeout": seconds}
    return ray.remote(subprocess.run).options(num_cpus=1, max_retries=0).remote(command, **options)


def _read(done: "subprocess.CompletedProcess[bytes]", n: int) -> list[Answer]:
    """Return what a task has written; ValueError for anything but n answers."""
    if done.returncode:
        lines = done.stderr.decode(errors="replace").splitlines()
        raise ValueError(lines[-1] if lines else f"exit code {done.returncode}")
    answers = [(values, str(error)) for values, error in json.loads(done.stdout)]
    if len(answers) != n:
        raise ValueError(f"{len(answers)} answers for {n} sequences")
    return answers


def main() -> None:
    """Answer one question on standard input, on a node."""
    from seqtutor_core.own_rewards.scores import Scorer

    question = json.load(sys.stdin)
    scorer = Scorer(find(question["domain"], question["name"]))
    scores = scorer.measure(question["sequences"])
    failed = [i for i, score in enumerate(scores) if score.error]
    for i, score in zip(failed, scorer.measure([question["sequences"][i] for i in failed]), strict=True):
        scores[i] = score  # tried once more
    scorer.close()
    print(json.dumps([[list(score.values) or None, score.error] for score in scores]))


if __name__ == "__main__":
    main()
