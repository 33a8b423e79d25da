"""Count what odd files, accidents and crowds do to the program.

python -m benchmarks.reliability [kills] [inputs] [accidents] [visitors] [--count N] [--only TEXT]: all four unless some
are named. kills: SIGKILL at random moments. inputs: mutated files for each parser. accidents: a full disk, a read-only
or vanished store, a clock set back, a port that is taken. visitors: browsers that use all pages for some minutes.
Prints tables, and writes benchmarks/results/reliability.json. None of it touches your runs: homes are temporary.
"""

import json
import os
from argparse import ArgumentParser
from pathlib import Path

from benchmarks.browser import Row, measure_parts
from benchmarks.reliability import accidents, inputs, kills, visitors

RESULTS = Path(__file__).parents[1] / "results" / "reliability.json"


def main() -> None:
    """Measure what is named."""
    parser = ArgumentParser(prog="python -m benchmarks.reliability", description=str(__doc__).splitlines()[0])
    parser.add_argument("parts", nargs="*", help="kills, inputs, accidents, visitors (default: all)")
    parser.add_argument("--count", type=int, help=f"kills (default: {kills.KILLS}); inputs each ({inputs.INPUTS:,})")
    parser.add_argument("--only", nargs="*", default=[""], help="parsers, or accidents, whose names have one of these")
    parser.add_argument("--browsers", type=int, default=visitors.BROWSERS, help="that visit at a time")
    parser.add_argument("--seconds", type=float, default=visitors.SECONDS, help="that they visit for")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file of results")
    options = parser.parse_args()
    measures = {
        "kills": lambda: kills.kills(options.count or kills.KILLS),
        "inputs": lambda: beside(
            "inputs", inputs.inputs(options.count or inputs.INPUTS, options.only), options.results
        ),
        "accidents": lambda: beside("accidents", accidents.accidents(options.only), options.results),
        "visitors": lambda: visitors.visitors(options.browsers, options.seconds),
    }
    if wrong := set(options.parts) - set(measures):
        parser.error(f"no part named {', '.join(sorted(wrong))}; choose among {', '.join(measures)}")
    machine = f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}"
    measure_parts(measures, options.parts, options.results, machine)


def beside(part: str, rows: list[Row], results: Path) -> list[Row]:
    """Return the rows of a part in the places of those before, whose others stay: `--only` measured a few."""
    before = json.loads(results.read_text()).get(part, []) if results.exists() else []
    fresh = {next(iter(row.values())): row for row in rows}
    return [fresh.pop(next(iter(row.values())), row) for row in before] + [*fresh.values()]


if __name__ == "__main__":
    main()
