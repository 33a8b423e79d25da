"""runs, doctor: what this machine keeps, and what it has."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from seqtutor_core import doctor as machine
from seqtutor_core.cli.options import RUN, Commands, add_command, add_group
from seqtutor_core.cli.output import show, two_columns
from seqtutor_core.cli.tuning import follow, report
from seqtutor_core.runs import launcher, store, trash
from seqtutor_core.runs.index import RunInfo, all_run_info
from seqtutor_core.runs.names import rename_run, run_name
from seqtutor_core.runs.tags import add_tag, remove_tag, run_tags


def add_commands(commands: Commands) -> None:
    """Add runs list, show, resume, stop, delete, restore, rename and tag; and doctor."""
    group = add_group(commands, "runs", "tuning runs kept on this machine")
    add_command(group, "list", list_runs, "all runs, newest first")

    def add(name: str, run: Callable[[Namespace], int | None], help: str) -> ArgumentParser:
        parser = add_command(group, name, run, help)
        parser.add_argument("id", metavar="run", help=RUN)
        return parser

    add("show", details, "one run")
    parser = add("resume", resume, "go on with a run that was stopped or killed")
    parser.add_argument("--seconds", type=float, default=0.0, help="learning time on top of what is left")
    add("stop", stop, "stop a run; it keeps what it learned")
    add("delete", delete, "delete a run; for ten minutes restore brings it back")
    add("restore", restore, "bring back a run that was deleted a moment ago")
    parser = add("rename", rename, "give a run a name to know it by")
    parser.add_argument("name", help="up to 80 characters; empty: the name it was made with")
    parser = add("tag", tag, "give a run a tag to find it by, or take one away")
    parser.add_argument("tag", help="1 to 24 characters")
    parser.add_argument("--remove", action="store_true", help="take it away")
    add_command(commands, "doctor", doctor, "what this machine has, what is missing, and the remedy")


def list_runs(options: Namespace) -> None:
    """Print all runs, newest first."""
    if options.json:
        show([_facts(run) for run in store.all_runs()], True)
    else:
        show(None, False, "\n".join(map(_line, all_run_info())) or "no runs yet")


def _line(run: RunInfo) -> str:
    """Return a run as a line for people."""
    what = run.problem or f"{run.domain} {run.learner} c = {run.kl_coefficient}"
    tags = "".join(f"  #{tag}" for tag in run.tags)
    return f"{run.id}  {run.name:<20}  {run.state:<11} {run.bytes / 1e6:6.1f} MB  {what}{tags}"


def _facts(run: store.Run) -> dict[str, Any]:
    """Return id, name, state, settings and status of a run; of a damaged one, what is wrong with it."""
    facts: dict[str, Any] = {"id": run.id, "name": run_name(run), "tags": run_tags(run), "state": run.state}
    facts |= {"problem": run.problem, "bytes": run.size}
    return facts if facts["problem"] else facts | asdict(run.config) | asdict(run.status) | {"state": run.state}


def details(options: Namespace) -> None:
    """Print one run's settings and status."""
    facts = _facts(store.open_run(options.id))
    show(facts, options.json, two_columns(facts))


def rename(options: Namespace) -> None:
    """Give a run another name."""
    run = store.open_run(options.id)
    rename_run(run, options.name)
    show({"id": run.id, "name": run_name(run)}, options.json, f"{run.id} is called {run_name(run)}")


def resume(options: Namespace) -> int:
    """Resume a run and follow it to its end."""
    run = store.open_run(options.id)
    launcher.resume(run, options.seconds)
    follow(run)
    return report(run, options.json)


def stop(options: Namespace) -> None:
    """Stop a run and wait for its last checkpoint."""
    run = store.open_run(options.id)
    launcher.stop(run, wait=60)
    show(_facts(run), options.json, f"{run.id}: {run.state}")


def delete(options: Namespace) -> None:
    """Delete a run; it can be restored for ten minutes."""
    trash.purge()
    run = store.open_run(options.id)
    trash.discard(run)
    text = f"{run.id} deleted; for {trash.KEEP_SECONDS / 60:.0f} minutes `runs restore {run.id}` brings it back"
    show({"deleted": run.id, "seconds_to_restore": trash.KEEP_SECONDS}, options.json, text)


def restore(options: Namespace) -> None:
    """Restore a run that was deleted a moment ago."""
    run = trash.restore(options.id)
    facts = {"restored": run.id, "name": run_name(run), "state": run.state}
    show(facts, options.json, f"{run.id} is back: {facts['name']}, {facts['state']}")


def tag(options: Namespace) -> None:
    """Add a tag to a run, or remove it."""
    run = store.open_run(options.id)
    (remove_tag if options.remove else add_tag)(run, options.tag)
    tags = run_tags(run)
    show({"id": run.id, "tags": tags}, options.json, f"{run.id}: {', '.join(tags) or 'no tags'}")


def doctor(options: Namespace) -> None:
    """Print which parts this machine has, and the remedy for what is missing."""
    parts = [part.__dict__ for part in machine.diagnose()]
    lines = (
        f"{'ok     ' if p['present'] else 'missing'}  {p['name']}: {p['detail']}"
        + (f"\n         -> {p['remedy']}" if p["remedy"] else "")
        for p in parts
    )
    show(parts, options.json, "\n".join(lines))
