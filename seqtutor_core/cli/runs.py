"""runs, doctor: what this machine keeps, and what it has."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seqtutor_core import doctor as machine
from seqtutor_core.cli.options import RUN, Commands, add_command, add_group
from seqtutor_core.cli.output import show, two_columns
from seqtutor_core.cli.tuning import follow, report
from seqtutor_core.runs import launcher, store, trash
from seqtutor_core.runs.bundle_export import export_bundle
from seqtutor_core.runs.bundle_import import import_bundle
from seqtutor_core.runs.curve_files import write_csv, write_events
from seqtutor_core.runs.index import RunInfo, all_run_info
from seqtutor_core.runs.names import rename_run, run_name
from seqtutor_core.runs.slots import in_words, places
from seqtutor_core.runs.tags import add_tag, remove_tag, run_tags

CURVES: dict[str, tuple[str, Callable[[store.Run, Path], None]]] = {
    "csv": (".csv", write_csv),
    "tensorboard": ("", write_events),
}
"""Forms of a run's curves: how the file or folder ends, and what writes it."""


def add_commands(commands: Commands) -> None:
    """Add runs list, show, resume, stop, delete, restore, rename, tag, export and import; and doctor."""
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
    parser = add("export", export, "write a run into one zip that another machine goes on from, or its curves")
    parser.add_argument("--curves", choices=sorted(CURVES), help="only the curves, as a table or an event file")
    parser.add_argument("--out", type=Path, help="the file, or TensorBoard's folder (default: the run's id)")
    parser = add_command(group, "import", import_run, "add the run of a zip that runs export wrote")
    parser.add_argument("file", type=Path, help="the zip")
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
    now = run.state if run.ahead is None else f"waiting, {in_words(run.ahead)}"
    return f"{run.id}  {run.name:<20}  {now:<11} {run.bytes / 1e6:6.1f} MB  {what}{tags}"


def _facts(run: store.Run) -> dict[str, Any]:
    """Return id, name, state, slot or place in the line, settings and status of a run; of a damaged one, what is wrong
    with it.
    """
    there, now = places(), run.state
    facts: dict[str, Any] = {"id": run.id, "name": run_name(run), "tags": run_tags(run), "state": now}
    facts |= {"slot": there.slots.get(run.id), "ahead": there.ahead.get(run.id) if now == "waiting" else None}
    facts |= {"problem": run.problem, "bytes": run.size}
    return facts if facts["problem"] else facts | asdict(run.config) | asdict(run.status) | {"state": now}


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


def export(options: Namespace) -> None:
    """Write a run as a bundle, or its curves alone."""
    run = store.open_run(options.id)
    suffix, write = CURVES[options.curves] if options.curves else (".zip", export_bundle)
    path: Path = options.out or Path(f"{run.id}{suffix}")
    write(run, path)
    show({"run": run.id, "out": str(path)}, options.json, f"run {run.id} is in {path}")


def import_run(options: Namespace) -> None:
    """Add the run of a bundle; it is nobody's, as a run that a command started."""
    imported = import_bundle(options.file)
    run = imported.run
    facts = {"id": run.id, "name": run_name(run), "state": run.state, "notices": imported.notices}
    lines = [f"{run.id} is here: {facts['name']}, {run.state}", *(f"note: {each}" for each in imported.notices)]
    show(facts, options.json, "\n".join(lines))


def doctor(options: Namespace) -> None:
    """Print which parts this machine has, and the remedy for what is missing."""
    parts = [part.__dict__ for part in machine.diagnose()]
    lines = (
        f"{'ok     ' if p['present'] else 'missing'}  {p['name']}: {p['detail']}"
        + (f"\n         -> {p['remedy']}" if p["remedy"] else "")
        for p in parts
    )
    show(parts, options.json, "\n".join(lines))
