"""Environment steps a second of the public implementation, learning included: a part of benchmarks.public_melodies,
which runs this file by the interpreter of another environment. Prints a line of JSON.

python benchmarks/public_melody_steps.py q|psi|g [--seconds 15]

The model is as its package sets it up, but for two things. Weights are random: no checkpoint comes with the package,
and a network is as fast with any. Its regular evaluations, in which nothing is learned, are timed apart.
"""

import argparse
import json
import tempfile
import time
from contextlib import suppress
from importlib import metadata

import tensorflow.compat.v1 as tf
from magenta.models.rl_tuner import rl_tuner

WARM_UP = 1_000  # steps: the first ones build what later ones use again, and fill replay
FOREVER = 10**9  # steps


class _EnoughError(Exception):
    """The time is over: the loop of the package ends after a number of steps only."""


class _TimedTuner(rl_tuner.RLTuner):
    """The public model, which tells when each of its steps is done."""

    timed = 0
    seconds = 0.0
    _done = 0
    _began = 0.0

    def training_step(self) -> None:
        """Called once after each environment step; learns after each fifth."""
        super().training_step()
        self._done += 1
        if self._done == WARM_UP:
            self._began = time.perf_counter()
        elif self._done > WARM_UP and time.perf_counter() - self._began > self.seconds:
            self.timed, self.seconds = self._done - WARM_UP, time.perf_counter() - self._began
            raise _EnoughError

    def evaluate_model(self, num_trials: int = 0, sample_next_obs: bool = True) -> None:
        """Measure no melodies unless asked for a number of them, as the loop never does."""
        if num_trials:
            super().evaluate_model(num_trials, sample_next_obs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("algorithm", choices=("q", "psi", "g"))
    parser.add_argument("--seconds", type=float, default=15.0)
    options = parser.parse_args()
    tf.disable_v2_behavior()
    with tempfile.TemporaryDirectory() as folder:
        # Without the name of a checkpoint's folder it would ask the network for one, even if none is to be read.
        tuner = _TimedTuner(
            folder,
            algorithm=options.algorithm,
            num_notes_in_melody=32,
            output_every_nth=FOREVER,
            note_rnn_checkpoint_dir=folder,
            initialize_immediately=False,
        )
        tuner.initialize_internal_models_graph_session(restore_from_checkpoint=False)
        tuner.seconds = options.seconds
        with suppress(_EnoughError):
            tuner.train(num_steps=FOREVER)
        began = time.perf_counter()
        tuner.evaluate_model(num_trials=100)  # its default, every 1,000 steps
        evaluation = time.perf_counter() - began
    versions = {"magenta": metadata.version("magenta"), "tensorflow": tf.__version__}
    rate = tuner.timed / tuner.seconds
    print(json.dumps({"steps_per_second": rate, "evaluation_seconds": evaluation, "versions": versions}))


if __name__ == "__main__":
    main()
