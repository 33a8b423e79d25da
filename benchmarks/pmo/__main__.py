"""Few calls: PMO, 10,000 evaluations of a task's score, beside published figures (docs/results.md quotes them).

python -m benchmarks.pmo --tasks celecoxib_rediscovery qed --seeds 0 1 --prior molecule-zinc --out FILE
prints one JSON line a run, and at the end a table. With a file, lines are appended to it and runs that it has are not
repeated: a measurement that was ended goes on. python -m benchmarks.pmo --table FILE prints the tables alone; with
--ablation, --tasks and --seeds what each ingredient adds.
"""

import argparse
import json
import statistics
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.pmo.oracles import COMPARABLE, TASKS
from benchmarks.pmo.run import SCORE, run
from seqtutor_core.rules import parse_pairs

CALLS = 10_000
SETTINGS = ("task", "seed", "prior", "budget", "weight", "overrides")
"""What tells a run from others."""
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "all": {},
    "one update a rollout": {"updates": 1},
    "as it was written": {"rewrite": False},
    "the policy alone proposes": {"children": 0},
    "from the latest, not the best": {"memory": 0, "rewrite": False, "children": 0},
}
"""What the ingredients add: the rules as they are, and without one of them."""


def table(lines: Iterable[Mapping[str, Any]]) -> str:
    """Return a table in Markdown: our means beside the published ones, and the sums over tasks that compare."""
    by_task: dict[str, list[float]] = defaultdict(list)
    for line in lines:
        by_task[line["task"]].append(line["auc_top10"])
    rows = ["| task | seeds | AUC top-10 | spread | REINVENT | Graph GA | screening |", "|---|---|---|---|---|---|---|"]
    rows += [_row(name, by_task[name]) for name in TASKS if name in by_task]
    compared = [name for name in COMPARABLE if name in by_task]
    ours = sum(statistics.fmean(by_task[name]) for name in compared)
    sums = (sum(getattr(TASKS[name], of) for name in compared) for of in ("reinvent", "graph_ga", "screening"))
    rows.append(
        f"| sum of {len(compared)} comparable | | {ours:.3f} | | " + " | ".join(f"{s:.3f}" for s in sums) + " |"
    )
    return "\n".join(rows)


def tables(lines: Iterable[Mapping[str, Any]]) -> str:
    """Return a table for each prior, budget, weight and overrides, in the order they came."""
    apart: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for line in lines:
        apart[", ".join(f"{name} {line[name]}" for name in SETTINGS[2:])].append(line)
    return "\n\n".join(f"{caption}\n\n{table(each)}" for caption, each in apart.items())


def ablation(lines: Sequence[Mapping[str, Any]], tasks: Collection[str]) -> str:
    """Return a table in Markdown: the mean of each task, by all rules and without each ingredient.

    Raises StatisticsError where a task has no run by some of the rules.
    """
    rows = ["| rules | " + " | ".join(tasks) + " | sum |", "|---" * (len(tasks) + 2) + "|"]
    for name, overrides in VARIANTS.items():
        runs = [line for line in lines if line["overrides"] == overrides]
        means = [statistics.fmean(run["auc_top10"] for run in runs if run["task"] == task) for task in tasks]
        rows.append(f"| {name} | " + " | ".join(f"{mean:.3f}" for mean in means) + f" | {sum(means):.2f} |")
    return "\n".join(rows)


def _row(name: str, values: Sequence[float]) -> str:
    task = TASKS[name]
    spread = f"{statistics.stdev(values):.3f}" if len(values) > 1 else ""
    star = "" if task.comparable or name.endswith("_text") else " *"
    published = " | ".join(f"{value:.3f}" for value in (task.reinvent, task.graph_ga, task.screening))
    return f"| {name}{star} | {len(values)} | {statistics.fmean(values):.3f} | {spread} | {published} |"


def _read(path: Path | None) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path and path.exists() else []


def main() -> None:
    """Measure what is asked for, run by run."""
    parser = argparse.ArgumentParser(description="Few calls: PMO beside published figures")
    parser.add_argument("--tasks", nargs="+", choices=[*TASKS, "comparable"], default=["comparable"], metavar="TASK")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--prior", default="molecule-zinc")
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--weight", type=float, default=SCORE.default, help="of the score, at c = 1")
    parser.add_argument("--override", action="append", default=[], metavar="NAME=VALUE", help="a learner setting")
    parser.add_argument("--ablation", action="store_true", help="all rules, and without each ingredient")
    parser.add_argument("--out", type=Path, help="append lines to this file, and skip runs that it has")
    parser.add_argument("--table", type=Path, help="print the table of a file, and measure nothing")
    options = parser.parse_args()
    tasks = dict.fromkeys(name for each in options.tasks for name in (COMPARABLE if each == "comparable" else (each,)))
    if options.table:
        lines = _read(options.table)
        chosen = [line for line in lines if line["prior"] == options.prior and line["seed"] in options.seeds]
        print(ablation(chosen, tasks) if options.ablation else tables(lines))
        return
    variants = VARIANTS if options.ablation else {"": parse_pairs(options.override)}
    done = {json.dumps([line[name] for name in SETTINGS]) for line in _read(options.out)}
    lines = []
    for seed, task, overrides in product(options.seeds, tasks, variants.values()):
        settings = dict(
            zip(SETTINGS, (task, seed, options.prior, options.calls, options.weight, overrides), strict=True)
        )
        if json.dumps([*settings.values()]) in done:
            continue
        lines.append({**settings, **run(*settings.values())})
        print(json.dumps(lines[-1]), flush=True)
        if options.out:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            with open(options.out, "a") as file:
                file.write(json.dumps(lines[-1]) + "\n")
    print(tables(_read(options.out) or lines))


if __name__ == "__main__":
    main()
