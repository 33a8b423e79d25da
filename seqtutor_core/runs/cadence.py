"""How often a worker writes and measures, and over how much."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cadence:
    """Intervals in seconds, shares of the time that a worker has, numbers of sequences and files."""

    metrics_every: float = 1.0
    """Between two lines of metrics.jsonl."""
    samples_every: float = 2.0
    """Between two files of samples."""
    sample_files: int = 48
    """Files of samples kept; beyond that every other one of the older is deleted."""
    newest_sample_files: int = 16
    """Of these, the latest, which are never deleted."""
    policy_first: float = 0.5
    """From the start to the first policy.safetensors."""
    policy_every: float = 3.0
    """Between two of them, for those who listen while it learns."""
    checkpoint_first: float = 2.0
    """From the start to the first checkpoint."""
    checkpoint_every: float = 15.0
    """Between two checkpoints, at least."""
    writing_share: float = 0.05
    """Most of the time that checkpoints may take, and policies."""
    gauge_first: float = 3.0
    """From the start to the first gauge."""
    gauge_every: float = 5.0
    """Between two gauges, at least."""
    gauge_share: float = 0.1
    """Most of the time that gauges may take."""
    gauge_share_changed: float = 0.25
    """The same until changed weights or a changed c have been gauged once."""
    gauge_samples: int = 256
    """Sequences of a gauge while the run learns."""
    final_samples: int = 2048
    """Sequences that the summary and the last gauge are over."""
    first_final_samples: int = 256
    """Those of a run that is stopped: should its two seconds not be enough for more."""


DEFAULT = Cadence()
