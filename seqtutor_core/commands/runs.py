"""runs, doctor: what this machine keeps, and what it has."""

from argparse import Namespace
from dataclasses import asdict
from typing import Any

from seqtutor_core import doctor as machine
from seqtutor_core.commands.plain import listing, show
from seqtutor_core.commands.tuning import follow, report
from seqtutor_core.runs import launcher, store
from seqtutor_core.runs.index import Summary, summaries
from seqtutor_core.runs.names import name_of
from seqtutor_core.runs.names import rename as renamed


def listed(options: Namespace) -> None:
    """All runs."""
    if options.json:
        show([_facts(run) for run in store.runs()], True)
    else:
        show(None, False, "\n".join(map(_line, summaries())) or "no runs yet")


def _line(run: Summary) -> str:
    """A run for people."""
    what = run.problem or f"{run.domain} {run.learner} c = {run.kl_coefficient}"
    return f"{run.id}  {run.name:<20}  {run.state:<11} {run.bytes / 1e6:6.1f} MB  {what}"


def _facts(run: store.Run) -> dict[str, Any]:
    """Id, name, state, settings and status of a run; of a damaged one what is wrong with it."""
    known = {"id": run.id, "name": name_of(run), "state": run.state, "problem": run.problem, "bytes": run.size}
    return known if known["problem"] else known | asdict(run.config) | asdict(run.status) | {"state": run.state}


def details(options: Namespace) -> None:
    """One run."""
    facts = _facts(store.open_run(options.id))
    show(facts, options.json, listing(facts))


def rename(options: Namespace) -> None:
    """Give a run another name."""
    run = store.open_run(options.id)
    renamed(run, options.name)
    show({"id": run.id, "name": name_of(run)}, options.json, f"{run.id} is called {name_of(run)}")


def resume(options: Namespace) -> int:
    """Go on, and follow."""
    run = store.open_run(options.id)
    launcher.resume(run, options.seconds)
    follow(run)
    return report(run, options.json)


def stop(options: Namespace) -> None:
    """Stop, and wait for its last checkpoint."""
    run = store.open_run(options.id)
    launcher.stop(run, wait=60)
    show(_facts(run), options.json, f"{run.id}: {run.state}")


def delete(options: Namespace) -> None:
    """Delete."""
    run = store.open_run(options.id)
    run.delete()
    show({"deleted": run.id}, options.json, f"{run.id} deleted")


def doctor(options: Namespace) -> None:
    """Parts of this machine."""
    parts = [part.__dict__ for part in machine.diagnose()]
    lines = (
        f"{'ok     ' if p['present'] else 'missing'}  {p['name']}: {p['detail']}"
        + (f"\n         -> {p['remedy']}" if p["remedy"] else "")
        for p in parts
    )
    show(parts, options.json, "\n".join(lines))
