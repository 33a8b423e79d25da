"""sweep: search over settings; every point is an ordinary run."""

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from functools import partial
from pathlib import Path

from seqtutor_core.cli.options import Commands, add_command
from seqtutor_core.cli.output import show
from seqtutor_core.cli.tuning import ended_like_by_ctrl_c
from seqtutor_core.environment import VISITOR
from seqtutor_core.files import replace_text
from seqtutor_core.rules import optional, parse_pairs, whole
from seqtutor_core.runs.owner import claim
from seqtutor_core.sweeps.driver import Driver
from seqtutor_core.sweeps.folder import FAILED, Point, SweepFolder, open_sweep
from seqtutor_core.sweeps.launchers import Cluster, Launcher, LocalLauncher
from seqtutor_core.sweeps.plan import Plan, read_plan
from seqtutor_core.sweeps.progress import best_points, facts, progress, table
from seqtutor_core.sweeps.ray_cluster import RayLauncher
from seqtutor_core.sweeps.slurm import SlurmLauncher

LAUNCHERS = ("local", "slurm", "ray")
MOST_SLOTS = 256


def add_commands(commands: Commands) -> None:
    """Add sweep."""
    parser = add_command(commands, "sweep", sweep, "search over settings: a grid, or a study with several aims")
    parser.add_argument("file", help="a TOML file: settings as tune takes them, and [search]; see docs/guide.md")
    add_launcher(parser)


def add_launcher(parser: ArgumentParser) -> None:
    """Add where the runs are computed."""
    parser.add_argument("--launcher", choices=LAUNCHERS, default="local", help="where the runs are computed")
    parser.add_argument("--slots", type=int, help="points at a time (default: as many as there is room for)")
    parser.add_argument("--cores", type=int, default=2, help="of one point, by slurm or ray (default: 2)")
    parser.add_argument("--address", default="auto", help="of a Ray cluster (default: that of this machine)")
    parser.add_argument(
        "--parameter", action="append", default=[], metavar="NAME=VALUE", help="for slurm, such as slurm_partition=gpu"
    )


def sweep(options: Namespace) -> int:
    """Do a sweep to its end, or go on with it; return 1 when points have failed."""
    plan = read_plan(Path(options.file))
    plan.check()
    folder = open_sweep(plan)
    folder.forget_stop()
    launcher = _launcher(options, folder, plan.base.get("device", "auto"))
    try:
        with ended_like_by_ctrl_c():
            _driver(plan, folder, launcher).run()
    finally:
        launcher.close()
    return _report(plan, folder, options.json)


def _launcher(options: Namespace, folder: SweepFolder, device: str) -> Launcher:
    """Return what the options choose; a library of a cluster is imported only where it is used."""
    slots = optional(whole(1, MOST_SLOTS))("--slots", options.slots)
    cores = whole(1, MOST_SLOTS)("--cores", options.cores)
    cluster = Cluster(cores, options.address, parse_pairs(options.parameter))
    if options.launcher == "slurm":
        return SlurmLauncher(cluster, folder.path / "slurm", slots)
    if options.launcher == "ray":
        return RayLauncher(cluster, slots)
    return LocalLauncher(slots, device)


def _driver(plan: Plan, folder: SweepFolder, launcher: Launcher) -> Driver:
    """Return the driver, which tells on standard error of each point that has ended, and what others wait for."""
    size, slots = plan.search.size, launcher.slots
    say = partial(print, file=sys.stderr, flush=True)

    def tell(point: Point) -> None:
        figures = " ".join(f"{name} {value:.4g}" for name, value in point.figures.items() if value is not None)
        end = "pruned" if point.pruned else f"failed: {point.why}" if point.state == FAILED else "done"
        say(f"{point.title}  {end}  {figures}")
        say(progress([*driver.points.values()], size, slots).sentence)

    visitor = os.environ.pop(VISITOR, "")  # workers and own rewards need not know
    driver = Driver(plan, folder, launcher, tell, lambda run: claim(run, visitor) if visitor else None, say)
    say(f"sweep {plan.name} in {folder.path}")
    say(progress([*driver.points.values()], size, slots).sentence)
    return driver


def _report(plan: Plan, folder: SweepFolder, as_json: bool) -> int:
    """Write table and frontier into the folder, print the table, and return the command's exit status."""
    from seqtutor_core.sweeps.plot import write_plot  # plotly takes a moment to import, and no other command needs it

    points = folder.points()
    best = best_points(points, plan.search.aims)
    plot = folder.path / "frontier.html"
    write_plot(plot, f"Sweep {plan.name}", points, best)
    failed = sum(point.state == FAILED for point in points)
    ids = [point.run for point in best]
    found = {
        "sweep": plan.name,
        "folder": str(folder.path),
        "aims": list(plan.search.aims),
        "points": list(map(facts, points)),
        "best": ids,
        "failed": failed,
        "frontier": str(plot),
    }
    replace_text(folder.path / "table.json", json.dumps(found, indent=2))
    lines = [
        table(points, best),
        f"best by {', '.join(plan.search.aims)}: {', '.join(ids) or 'none was measured'}",
        f"reward against KL: {plot}",
        *([f"{failed} of {len(points)} points failed; the column why of table.json says why"] if failed else []),
    ]
    show(found, as_json, "\n".join(lines))
    return 1 if failed else 0
