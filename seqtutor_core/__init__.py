"""Conservative fine-tuning of sequence models by KL-control (Jaques et al., ICML 2017).

    import seqtutor_core as st

    melody = st.build_domain("melody")
    prior = st.load_prior("melody", melody)
    objective = st.Objective(melody, {"key": 1.0, "motif": 1.0}, c=4.0)
    preview = st.draw_preview(prior, objective)
    tuner = st.prepare_tuning(st.TuningConfig("melody", "melody", weights=objective.weights, seconds=20))
    for progress in st.tune(tuner):
        print(progress)
    gauge = st.gauge_policy(tuner.policy, objective)

Each name is imported when it is first used: chemistry's processes import this package, and no torch.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqtutor_core import errors as errors
    from seqtutor_core.config import Change as Change
    from seqtutor_core.config import TuningConfig as TuningConfig
    from seqtutor_core.domains import build_domain as build_domain
    from seqtutor_core.errors import SeqTutorError as SeqTutorError
    from seqtutor_core.evaluation import evaluate as evaluate
    from seqtutor_core.gauge import gauge_policy as gauge_policy
    from seqtutor_core.library import load_prior as load_prior
    from seqtutor_core.library import prepare_tuning as prepare_tuning
    from seqtutor_core.objective import Objective as Objective
    from seqtutor_core.policy import Policy as Policy
    from seqtutor_core.preview import draw_preview as draw_preview
    from seqtutor_core.runs.policies import policy_of as policy_of
    from seqtutor_core.runs.store import all_runs as all_runs
    from seqtutor_core.runs.store import open_run as open_run
    from seqtutor_core.tuning import tune as tune

__version__ = "0.1.0"

_MODULES = {
    "Change": "config",
    "Objective": "objective",
    "Policy": "policy",
    "SeqTutorError": "errors",
    "TuningConfig": "config",
    "all_runs": "runs.store",
    "build_domain": "domains",
    "draw_preview": "preview",
    "evaluate": "evaluation",
    "gauge_policy": "gauge",
    "load_prior": "library",
    "open_run": "runs.store",
    "policy_of": "runs.policies",
    "prepare_tuning": "library",
    "tune": "tuning",
}
"""Where each public name comes from."""

__all__ = [*_MODULES, "errors"]  # noqa: PLE0604  all are texts

# Threads that wait by spinning, torch's habit, learn 20 times slower on a machine that does other things too.
# To be set before torch is loaded, so here.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562)."""
    if name == "errors":
        return import_module("seqtutor_core.errors")
    if name not in _MODULES:
        raise AttributeError(f"seqtutor_core has no {name}; it has: {', '.join(sorted(__all__))}")
    return getattr(import_module(f"seqtutor_core.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
