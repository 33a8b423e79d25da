"""runs, doctor: what this machine keeps, and what it has."""

from argparse import Namespace
from dataclasses import asdict
from typing import Any

from seqtutor_core import doctor as machine
from seqtutor_core.commands.plain import listing, show
from seqtutor_core.commands.tuning import follow, report
from seqtutor_core.runs import launcher, store


def listed(options: Namespace) -> None:
    """All runs."""
    rows = [_facts(run) for run in store.runs()]
    lines = (
        f"{r['id']}  {r['state']:<11} {r['bytes'] / 1e6:6.1f} MB  "
        + (r["problem"] or f"{r['domain']} {r['learner']} c = {r['kl_coefficient']}")
        for r in rows
    )
    show(rows, options.json, "\n".join(lines) or "no runs yet")


def _facts(run: store.Run) -> dict[str, Any]:
    """Id, state, settings and status of a run; of a damaged one what is wrong with it."""
    known = {"id": run.id, "state": run.state, "problem": run.problem, "bytes": run.size}
    return known if known["problem"] else known | asdict(run.config) | asdict(run.status) | {"state": run.state}


def details(options: Namespace) -> None:
    """One run."""
    facts = _facts(store.open_run(options.id))
    show(facts, options.json, listing(facts))


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
