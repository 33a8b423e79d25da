"""Which priors a run or a link may name: those that come with the program, and the user's own once they were named.

Without this a run folder from a stranger could make the program read any folder of the machine.
"""

from pathlib import PurePath

from seqtutor_core.errors import PriorError
from seqtutor_core.files import home
from seqtutor_core.rules import shown

ADMITTED = "priors.txt"  # in the run home: folders of the user's own priors, one a line


def names_prior(name: str) -> bool:
    """Return whether a text names a prior: by one word, or by the whole path of its folder."""
    return PurePath(name).is_absolute() or (name not in ("", "..") and PurePath(name).name == name)


def admit(name: str) -> None:
    """Note a prior of the user's own, given by its folder: runs on this machine may name it from now on.

    PriorError for a text that names none; OSError when it cannot be noted.
    """
    if not names_prior(name):
        raise PriorError(f"{shown(name)} names no prior; give its name, or its folder's whole path")
    if PurePath(name).is_absolute() and name not in _admitted():
        with open(home() / ADMITTED, "a", encoding="utf-8") as file:
            file.write(f"{name}\n")


def check_admitted(name: str) -> None:
    """Raise PriorError for a folder that the user never named here: no run or link may make us read any path."""
    if PurePath(name).is_absolute() and name not in _admitted():
        raise PriorError(
            f"the prior in {shown(name)} is not one of this machine's; if you trust it, "
            f"add a line with this path to {home() / ADMITTED}"
        )


def _admitted() -> list[str]:
    try:
        return (home() / ADMITTED).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []
