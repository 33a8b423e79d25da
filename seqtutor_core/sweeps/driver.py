"""A sweep from its first point to its last: draws points, starts their runs, and writes down what came of them.

Any number of commands may work on one sweep, each on points that it holds by a lock; what a command leaves, when it is
ended, the next one goes on with.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from seqtutor_core.config import Change, TuningConfig
from seqtutor_core.errors import RunError, SeqTutorError
from seqtutor_core.runs import launcher as runs
from seqtutor_core.runs.checkpoints import newest_update
from seqtutor_core.runs.index import run_info
from seqtutor_core.runs.locks import RUN_LOCK, acquire
from seqtutor_core.runs.schemas import ACTIVE
from seqtutor_core.runs.store import Run, create_run, open_run
from seqtutor_core.runs.tags import add_tag
from seqtutor_core.sweeps.folder import DONE, FAILED, FIGURES, OPEN, Point, SweepFolder
from seqtutor_core.sweeps.launchers import Job, JobRefusedError, Launcher, NoJob
from seqtutor_core.sweeps.plan import Plan
from seqtutor_core.sweeps.pruning import Curve, curve, is_behind, objective_key

MOST_FAILURES = 2  # of a point: it is tried once more
MOST_INTERRUPTIONS = 4  # a worker that was killed, or whose machine or time was gone, and no new checkpoint between
EVERY = 0.2  # seconds between two looks at the runs
STOPPING = 30.0  # seconds that runs are given to save themselves when the command is ended
NEWS = 2.0  # seconds until a run that waits for its worker says so again, or a living one is compared with others


@dataclass
class Living:
    """A point that this command works on."""

    point: Point
    run: Run
    job: Job
    lock: int
    looked: float = 0.0
    """When it was last told to wait, or compared with others; seconds of the monotonic clock."""


class Driver:
    """The command's part of a sweep."""

    def __init__(
        self,
        plan: Plan,
        folder: SweepFolder,
        launcher: Launcher,
        report: Callable[[Point], None],
        claim: Callable[[Run], object] = lambda run: None,
        say: Callable[[str], object] = lambda what: None,
    ) -> None:
        """Take over what the folder says.

        report: called with each point that has ended. claim: called with each run before its worker starts. say:
        called with what runs wait for, once for each reason.
        """
        self.claim, self.say = claim, say
        self.said: set[str] = set()
        self.plan, self.folder, self.launcher, self.report = plan, folder, launcher, report
        self.points = {point.number: point for point in folder.points()}
        self.living: list[Living] = []
        self.room = plan.search.size
        """How many jobs a cluster takes at a time, as far as it has refused any."""
        self.study = None
        if plan.search.ranges:
            from seqtutor_core.sweeps.study import Study  # optuna takes a moment to import

            with folder.drawing():
                self.study = Study(plan, folder.path, self.points.values())

    def run(self) -> None:
        """Work until every point is done or has failed; whatever ends this early, runs are stopped and saved."""
        try:
            with self.folder.working():
                while self.step():
                    time.sleep(EVERY)
                    if self.folder.is_to_stop:
                        raise RunError(
                            f"the sweep {self.plan.name} was asked to stop; the same command goes on with it"
                        )
        except BaseException:
            self._stop()
            raise
        finally:
            for each in self.living:
                os.close(each.lock)

    def step(self) -> bool:
        """Look at all runs once and start what can be started; return whether anything is left to do."""
        for each in [*self.living]:
            self._look(each)
        while len(self.living) < min(self.launcher.slots, self.room) and self._start_next():
            pass
        return bool(self.living) or self._others_work()

    def _others_work(self) -> bool:
        """Return whether points are left that other commands hold, as far as their records say."""
        self._refresh()
        return sum(point.state != OPEN for point in self.points.values()) < self.plan.search.size

    def _refresh(self) -> None:
        """Read the points again that others may have changed or added."""
        for number in self.folder.numbers():
            if number not in self.points or self.points[number].state == OPEN:
                self.points[number] = self.folder.point(number)

    # ------------------------------------------------------------ starting

    def _start_next(self) -> bool:
        """Start a point that is open, or draw a new one; return whether there was one."""
        held = {each.point.number for each in self.living}
        for number in [n for n, point in self.points.items() if point.state == OPEN and n not in held]:
            if self._take(number):
                return True
        with self.folder.drawing():
            self._refresh()
            missing = [n for n in range(self.plan.search.size) if n not in self.points]
            if not missing:
                return False
            number = missing[0]
            values = self.study.ask(number) if self.study else self.plan.grid_point(number)
            self._write(Point(number, dict(values)))
        return self._take(number)

    def _take(self, number: int) -> bool:
        """Hold a point and start its run, or go on with it; return whether this was its turn."""
        lock = self.folder.claim(number)
        if lock is None:
            return False
        point = self.folder.point(number)  # as whoever held it before has left it
        self.points[number] = point
        if point.state != OPEN:
            os.close(lock)
            return True
        try:
            self._begin(point, lock)
        except BaseException:
            os.close(lock)
            raise
        return True

    def _begin(self, point: Point, lock: int) -> None:
        """Start the point's run, or take up the one that it has.

        A worker that does not start costs the point a try; where a cluster takes no more jobs, it waits until one is
        over. RunError when a cluster takes none, or when no run can be kept at all, as on a full disk.
        """
        run = self._known_run(point)
        if run is None:
            run = create_run(runs.checked(self.plan.config(point.values)))
            add_tag(run, self.plan.name)
            self.claim(run)
            point = replace(point, run=run.id, began=time.time())
            self._write(point)
        elif run.state in (*ACTIVE, "finished") or (point.pruned and run.state == "stopped"):
            self.living.append(Living(point, run, NoJob(), lock))
            return
        else:
            runs.renew(run)
        try:
            job = self.launcher.start(run)
        except JobRefusedError:
            if not self.living:
                raise
            self.room = len(self.living)
            os.close(lock)
        except RunError as error:
            self._failed(point, str(error))
            os.close(lock)
        else:
            self.living.append(Living(point, run, job, lock))

    def _known_run(self, point: Point) -> Run | None:
        """Return the run of a point that was begun; None when there is none, or none that can be gone on with."""
        with suppress(RunError):
            run = open_run(point.run) if point.run else None
            return None if run is None or run.state == "damaged" else run
        return None

    # ------------------------------------------------------------ looking

    def _look(self, living: Living) -> None:
        """See how a run stands; one that has ended frees its place."""
        run, waits, over = living.run, living.job.waiting, living.job.over
        state = run.state  # after them: what a worker that is over has written is final
        if waits or state in ACTIVE or not (over or state == "finished"):
            if time.monotonic() - living.looked >= NEWS:
                living.looked = time.monotonic()
                self._keep_waiting(living, waits) if waits else self._prune(living)
        else:
            self.living.remove(living)
            try:
                self._ended(living.point, run, state)
            finally:
                os.close(living.lock)

    def _keep_waiting(self, living: Living, message: str) -> None:
        """Say in the run's folder that a worker was asked for, while there is none to say it."""
        if message not in self.said:
            self.said.add(message)
            self.say(f"{living.point.title} is {message}")
        lock = acquire(living.run.folder / RUN_LOCK)
        if lock is not None:  # else its worker has begun this moment
            try:
                living.run.write_status(replace(living.run.status, launched=time.time(), message=message))
            finally:
                os.close(lock)

    def _ended(self, point: Point, run: Run, state: str) -> None:
        info = run_info(run)
        measured = info is not None and run.problem == "" and run.status.summary is not None
        if info is not None and measured and state in ("finished", "stopped"):
            figures = {name: getattr(info, name) for name in FIGURES}
            self._close(replace(point, state=DONE, figures=figures, why=""))
        elif state == "interrupted":
            reached = newest_update(run.folder / "checkpoints")
            count = 1 if reached > point.reached else point.interruptions + 1
            why = f"its worker vanished {count} times{_last_words(run)}"
            self._again(replace(point, interruptions=count, reached=reached, why=why), count >= MOST_INTERRUPTIONS)
        else:
            self._failed(point, run.problem or run.status.error or run.status.message or f"its run is {state}")

    def _failed(self, point: Point, why: str) -> None:
        self._again(replace(point, failures=point.failures + 1, why=why), tired=point.failures + 1 >= MOST_FAILURES)

    def _again(self, point: Point, tired: bool) -> None:
        """Leave a point open for another try, or give it up."""
        if tired:
            self._close(replace(point, state=FAILED))
        else:
            self._write(point)

    def _close(self, point: Point) -> None:
        point = replace(point, ended=time.time())
        self._write(point)
        if self.study:
            with self.folder.drawing():
                self.study.tell(point)
        self.report(point)

    def _write(self, point: Point) -> None:
        self.folder.write(point)
        self.points[point.number] = point

    # ------------------------------------------------------------ ending early

    def _prune(self, living: Living) -> None:
        """Stop a run whose J is below the median of the others at its age, if that is wished."""
        if not self.plan.search.prune or living.point.pruned:
            return
        config, lines = living.run.config, living.run.curves()[0]
        others = [c for point in self.points.values() if point.state == DONE and (c := self._curve(point, config))]
        if is_behind(curve(config, lines), others):
            living.point = replace(living.point, pruned=True)
            self._write(living.point)
            with suppress(RunError):  # it has ended this moment
                living.run.change(Change(stop=True))

    def _curve(self, point: Point, config: TuningConfig) -> Curve:
        """Return J of a point that is done; empty where it is not comparable, or its run is gone."""
        with suppress(SeqTutorError):
            run = open_run(point.run)
            if objective_key(run.config) == objective_key(config):
                return curve(run.config, run.curves()[0])
        return []

    def _stop(self) -> None:
        """Ask all runs of this command to stop, and wait until they are saved; those that wait are given up."""
        for each in self.living:
            each.job.cancel()
            with suppress(SeqTutorError):
                each.run.change(Change(stop=True))
        deadline = time.monotonic() + STOPPING
        while any(each.run.state in ACTIVE for each in self.living) and time.monotonic() < deadline:
            time.sleep(EVERY)


def _last_words(run: Run) -> str:
    """Return the last line of a worker's log, in brackets; nothing where there is none."""
    with suppress(OSError):
        lines = (run.folder / "worker.log").read_text(errors="replace").splitlines()
        return f" ({lines[-1][:200]})" if lines else ""
    return ""
