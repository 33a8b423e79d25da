"""A batch that suits the device: a GPU learns from as many sequences at a time as pay, or as its memory holds.

An iteration takes a GPU little longer with 4,096 melodies than with 256, and J rises sooner: docs/performance.md.
"""

from dataclasses import replace

import torch

from seqtutor_core.config import TuningConfig, resolve_device
from seqtutor_core.domains import DOMAINS, build_domain
from seqtutor_core.environment import gpus, slot_count
from seqtutor_core.priors import domain_settings, network_settings

BATCH = frozenset({"batch", "minibatch"})  # the settings that are chosen, both alike

# Of an iteration, for each step of each sequence; on an H200 9 to 20 kB and 22 to 40 bytes were used, by the learner
# and by bfloat16 or float32.
BYTES_A_STEP = 24_000
BYTES_A_UNIT = 60  # of all LSTM layers together
USED = 0.5  # share of a GPU's memory that its runs may be expected to take
LEAST = 64  # sequences


def for_device(config: TuningConfig) -> TuningConfig:
    """Return a config with a batch that suits its device; the same one on a CPU, and where a batch was asked for.

    A budget in calls or updates, and a preset with rules of its own, mean the batch that they were made with.
    """
    asked_for = BATCH & config.overrides.keys() or config.calls or config.updates
    if asked_for or config.preset != "default" or resolve_device(config.device).type == "cpu":
        return config
    length = build_domain(config.domain, domain_settings(config.prior, config.settings)).length
    network = network_settings(config.prior)
    runs = -(-slot_count("cuda") // len(gpus()))  # on one GPU at a time
    memory = int(USED * torch.cuda.get_device_properties(0).total_memory) // runs
    batch = fitting(memory, length, network.layers * network.hidden, DOMAINS[config.domain].gpu_batch)
    return replace(config, overrides={**config.overrides, **dict.fromkeys(sorted(BATCH), batch)})


def fitting(memory: int, length: int, units: int, most: int) -> int:
    """Return how many sequences of so many tokens fit in so many bytes: a power of two from 64 to `most`.

    units: of all LSTM layers together.
    """
    fit = memory // (length * (BYTES_A_STEP + BYTES_A_UNIT * units))
    return max(LEAST, min(most, 2 ** max(fit, 1).bit_length() // 2))
