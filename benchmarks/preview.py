"""What a preview costs and what it is worth: latencies of melodies and molecules, and Table 1 of previewed melodies.

python benchmarks/preview.py [--rounds 9] [--melodies 1000]; prints Markdown. Medians; the first of each kind, which
warms up, is left out. A preview is timed from the moved slider's weights to the sequences that are drawn from it.
"""

import argparse
import os
from collections.abc import Sequence
from statistics import fmean, median

import torch

from benchmarks.table_1 import PUBLISHED
from seqtutor_core import priors
from seqtutor_core.domains.melody import PAPER_TERMS, Melody, MelodySettings
from seqtutor_core.domains.melody.metrics import TABLE_1
from seqtutor_core.domains.molecule import Molecule
from seqtutor_core.domains.molecule.terms import TERMS
from seqtutor_core.evaluation import rollouts
from seqtutor_core.objective import Objective
from seqtutor_core.policy import Policy
from seqtutor_core.preview import PARTICLES, Preview, draw_preview

C = 4.0
WEIGHTS = dict.fromkeys(PAPER_TERMS, 1.0)
PSI = 2  # its place in the published rows
DRAWN = 16  # melodies from each preview


def melody_latency(particles: Sequence[int], lengths: Sequence[int], rounds: int) -> list[list[str]]:
    """Milliseconds by number of particles (rows) and length (columns)."""
    network = priors.load("melody").network
    table = [["particles", *(f"{length} tokens" for length in lengths)]]
    for n in particles:
        row = [str(n)]
        for length in lengths:
            melody = Melody(MelodySettings(length=length))
            prior, objective = Policy(melody, network), Objective(melody, WEIGHTS, C)
            found = [draw_preview(prior, objective, n, seed) for seed in range(rounds + 1)]
            row.append(f"{median(each.milliseconds for each in found[1:]):.0f} ms")
        table.append(row)
    return table


def molecule_latency(n: int, rounds: int) -> list[list[str]]:
    """Milliseconds of what the page does: draw and measure first, weigh anew after each move of a slider."""
    prior = Policy(Molecule(), priors.load("molecule").network)
    usual = {term.name: term.default for term in TERMS}
    moved, added = {**usual, "qed": 60.0}, {**usual, "alerts": 5.0}
    times: dict[str, list[float]] = {}

    def timed(name: str, found: Preview) -> None:
        times.setdefault(name, []).append(found.milliseconds)

    for seed in range(rounds + 1):
        first, second, third = (Objective(Molecule(), weights, C) for weights in (usual, moved, added))
        timed("first: sample, measure, weigh", draw_preview(prior, first, n, seed))
        rollout = next(rollouts(prior, n, seed))
        timed("a slider moved: weigh", draw_preview(prior, second, n, seed, rollout=rollout))
        timed("a new property counts: measure, weigh", draw_preview(prior, third, n, seed, rollout=rollout))
    rows = [[name, f"{median(values[1:]):.0f} ms"] for name, values in times.items()]
    return [[f"{n} molecules", "latency"], *rows]


def quality(melodies: int, n: int) -> list[list[str]]:
    """Table 1 of melodies drawn from independent previews, beside the prior's and the published Psi."""
    melody = Melody()
    policy, objective = Policy(melody, priors.load("melody").network), Objective(melody, WEIGHTS, C)
    found = [draw_preview(policy, objective, n, seed) for seed in range(-(-melodies // DRAWN))]
    tokens = torch.cat([each.samples.tokens[each.some(DRAWN)] for each in found])[:melodies]
    prior = torch.cat([rollout.tokens for rollout in rollouts(policy, melodies)])
    columns = {"prior": melody.metrics(prior), "preview": melody.metrics(tokens)}
    table = [["", *columns, "published: Psi"]]
    for name, label in {**TABLE_1, "distinct": "distinct melodies"}.items():
        published = _cell(name, PUBLISHED[name][PSI]) if name in PUBLISHED else ""
        table.append([label, *(_cell(name, column[name]) for column in columns.values()), published])
    rewards = [objective.reward(melody.score(each).sum(1)).mean().item() for each in (prior, tokens)]
    table.append(["reward", *(f"{reward:.1f}" for reward in rewards), ""])
    size = fmean(each.samples.effective_sample_size for each in found)
    ancestors = fmean(each.samples.ancestors for each in found)
    print(f"{len(found)} previews of {n}: effective sample size {size:.0f}, ancestors {ancestors:.0f}, on average\n")
    return table


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if name.startswith("autocorrelation") else f"{value:.2%}"


def show_table(title: str, table: Sequence[Sequence[str]]) -> None:
    lines = [table[0], ["---"] * len(table[0]), *table[1:]]
    print(f"### {title}\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--particles", type=int, nargs="+", default=[64, 128, 256, 512, 1024])
    parser.add_argument("--lengths", type=int, nargs="+", default=[32, 64, 128, 256])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--melodies", type=int, default=1000)
    parser.add_argument("--molecules", type=int, default=256)
    options = parser.parse_args()
    print(f"{torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}, c = {C:g}\n")
    show_table("Melodies", melody_latency(options.particles, options.lengths, options.rounds))
    show_table("Molecules", molecule_latency(options.molecules, options.rounds))
    show_table("Previewed melodies", quality(options.melodies, PARTICLES))


if __name__ == "__main__":
    main()
