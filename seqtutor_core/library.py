"""Short ways for scripts and notebooks: a prior as a policy, a tuning job from its settings."""

from dataclasses import replace

from seqtutor_core import priors
from seqtutor_core.config import TuningConfig
from seqtutor_core.domains import Domain, build_domain
from seqtutor_core.policy import Policy
from seqtutor_core.tuning import Tuner


def load_prior(name: str, domain: Domain | None = None) -> Policy:
    """Return a prior as a policy, by its name or its folder.

    domain: with settings of its own; None: the one that the prior was trained for. PriorError when the
    prior is missing or damaged, or when it was made for another domain.
    """
    prior = priors.load(name, space=domain)
    return Policy(domain or build_domain(prior.card.get("domain", ""), prior.card.get("settings")), prior.network)


def prepare_tuning(config: TuningConfig) -> Tuner:
    """Return the job that `tune` works on, with the prior and the domain that its settings name.

    Its `policy` is the policy that learns. PriorError for a prior that cannot be read, SettingError for an unknown
    domain or a wrong setting of it.
    """
    config = replace(config, settings=priors.domain_settings(config.prior, config.settings))
    domain = build_domain(config.domain, config.settings)
    return Tuner(config, domain, priors.load(config.prior, space=domain).network)
