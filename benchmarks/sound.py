"""What a melody's sound costs: fluidsynth in this process, its program, and the basic synth, one after the other.

python -m benchmarks.sound [--rounds 20] [--melodies 500]; prints Markdown. Medians over the rounds, with a melody of
two bars; the three take turns, so that a busy machine slows all of them. Then many melodies, to see whether the library
drifts: the first one is played again after them.
"""

import argparse
import resource
import time
from statistics import median

import numpy as np

from benchmarks.preview import show_table
from seqtutor_core.domains.melody import synthesis
from seqtutor_core.domains.melody.audio import Piece, midi

TOKENS = (14, 1, 16, 1, 18, 1, 1, 1, 21, 1, 19, 18, 16, 1, 0, 1, 23, 1, 21, 1, 18, 1, 1, 1, 16, 1, 13, 1, 14, 1, 1, 1)


def latency(rounds: int) -> list[list[str]]:
    """Return milliseconds of each synthesiser, waited and computed, also as multiples of the library's."""
    piece = Piece(TOKENS)
    file = midi(piece)
    ways = {
        "fluidsynth in the process": synthesis._in_process,
        "the fluidsynth program": synthesis._by_program,
        "the basic synth": synthesis._basic,
    }
    costs: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, way in ways.items():
            begin, used = time.perf_counter(), _cpu_seconds()
            way.__wrapped__(file, piece.seconds)  # without its cache
            costs[name].append((time.perf_counter() - begin, _cpu_seconds() - used))
    medians = {
        name: [1000 * median(column) for column in zip(*found[1:], strict=True)] for name, found in costs.items()
    }
    least, least_cpu = medians["fluidsynth in the process"]
    rows = [
        [name, f"{wall:.0f} ms", f"{wall / least:.1f}", f"{cpu:.0f} ms", f"{cpu / least_cpu:.1f}"]
        for name, (wall, cpu) in medians.items()
    ]
    return [[f"{piece.seconds:.0f} s of music", "latency", "times the first", "CPU time", "times the first"], *rows]


def _cpu_seconds() -> float:
    """Return what this process and its ended children have computed."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def drift(melodies: int) -> list[list[str]]:
    """Return how much the first melody has changed after many others."""
    library = synthesis.fluidsynth_library()
    assert isinstance(library, synthesis.FluidSynth), library
    file = midi(Piece(TOKENS))
    first = library.play(file, 4.0)
    generator = np.random.default_rng(1)
    for _ in range(melodies):
        tokens = tuple(int(token) for token in generator.permutation(TOKENS))
        library.play(midi(Piece(tokens, instrument=int(generator.integers(128)))), 4.0)
    last = library.play(file, 4.0)
    size = min(len(first), len(last))
    alike = np.corrcoef(first[:size], last[:size])[0, 1]
    louder = np.abs(last).max() / np.abs(first).max()
    return [["melodies between", "correlation", "peak, relative"], [str(melodies), f"{alike:.4f}", f"{louder:.3f}"]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--melodies", type=int, default=500)
    chosen = parser.parse_args()
    show_table("Latency", latency(chosen.rounds))
    show_table("Drift", drift(chosen.melodies))


if __name__ == "__main__":
    main()
