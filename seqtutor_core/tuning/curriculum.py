"""Takes a run through its stages: one after the other, and last to the objective that is its own."""

from collections.abc import Mapping
from typing import Any

from seqtutor_core.config import TuningConfig
from seqtutor_core.objective import Objective
from seqtutor_core.stages import Stage
from seqtutor_core.tuning.progress import Progress


class Curriculum:
    """Which stage a run is in; see stages.py."""

    def __init__(self, config: TuningConfig) -> None:
        self.config = config
        self.number = 0
        """Of the present stage; as many as there are: the run's own objective."""
        self.began = 0
        """Calls before the present stage."""
        self.highest = -float("inf")
        """Mean reward of a rollout in the present stage."""

    @property
    def stage(self) -> Stage | None:
        """The present stage; None once the run's own objective holds."""
        stages = self.config.stages
        return stages[self.number] if self.number < len(stages) else None

    def objective(self, own: Objective) -> Objective:
        """Return the objective to begin with: the first stage's, or the run's own."""
        weights, c = self.next()
        return own.replace(weights=weights, c=c)

    def advance(self, progress: Progress) -> str:
        """Go on to the next stage if a rollout ends the present one; return why, in words, or nothing."""
        stage, calls = self.stage, progress.counters.calls
        if stage is None:
            return ""
        self.highest = max(self.highest, progress.metrics.reward)
        if stage.until is not None and progress.metrics.reward >= stage.until:
            why = f"a mean reward of {progress.metrics.reward:.4g} was reached"
        elif stage.calls is not None and calls - self.began >= stage.calls:
            why = f"its {stage.calls:,} calls were used"
        else:
            return ""
        self.number, self.began, self.highest = self.number + 1, calls, -float("inf")
        rest = len(self.config.stages) - self.number
        follows = (
            f"stage {self.number + 1} of {len(self.config.stages)} begins" if rest else "the run's own objective holds"
        )
        return f"stage {self.number} ended after {calls:,} calls: {why}; {follows}"

    def next(self) -> tuple[Mapping[str, float], float]:
        """Return the weights and c that hold now."""
        config, stage = self.config, self.stage
        if stage is None:
            return config.weights, config.kl_coefficient
        return stage.weights, config.kl_coefficient if stage.kl_coefficient is None else stage.kl_coefficient

    @property
    def unreached(self) -> str:
        """What to say of a run that ends now, in a stage; empty after the last."""
        if self.stage is None or self.stage.until is None:
            return ""
        highest = "" if self.highest == -float("inf") else f"; the highest was {self.highest:.4g}"
        return (
            f"the run ended in stage {self.number + 1} of {len(self.config.stages)}, whose mean reward of "
            f"{self.stage.until:g} was not reached{highest}. Give the stage calls, a lower reward or more time"
        )

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"stage": self.number, "stage_began": self.began, "stage_highest": self.highest}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what a checkpoint kept; older ones have no stages."""
        self.number, self.began = state.get("stage", 0), state.get("stage_began", 0)
        self.highest = state.get("stage_highest", -float("inf"))
