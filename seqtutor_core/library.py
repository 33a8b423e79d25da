"""Short ways for scripts and notebooks: a prior as a policy, a tuning job from its settings."""

from seqtutor_core import priors
from seqtutor_core.config import TuningConfig
from seqtutor_core.domains import Domain, domain
from seqtutor_core.policy import Policy
from seqtutor_core.tuning import Tuner


def load_prior(name: str, space: Domain | None = None) -> Policy:
    """Return a prior as a policy, by its name or its folder.

    space: the domain, with settings of its own; None: the one that the prior was trained for. PriorError when the
    prior is missing or damaged, or when it was made for another domain.
    """
    prior = priors.load(name, space=space)
    return Policy(space or domain(prior.card.get("domain", "")), prior.network)


def prepare_tuning(config: TuningConfig) -> Tuner:
    """Return the job that `tune` works on, with the prior and the domain that its settings name.

    Its `policy` is the policy that learns. PriorError for a prior that cannot be read, SettingError for an unknown
    domain or a wrong setting of it.
    """
    space = domain(config.domain, config.settings)
    return Tuner(config, space, priors.load(config.prior, space=space).network)
