"""Every error this package raises on purpose.

SeqTutorError                 catch this one to catch them all
├── SettingError              a setting breaks its rule
├── TokenError                a token, or its position, is not allowed
├── InputError                a file or text given by the user cannot be used
├── PriorError                a prior is missing, damaged or does not fit
├── RunError                  a run folder is missing, damaged or in the wrong state
│   └── DamagedRunError       a file of a run is missing or damaged
└── MissingPartError          an optional program or package is not installed

Each message names the value, the rule it broke and the way out.
"""


class SeqTutorError(Exception):
    """Base of all errors raised on purpose by this package."""


class SettingError(SeqTutorError, ValueError):
    """A setting breaks its rule."""


class TokenError(SeqTutorError, ValueError):
    """A token, or its position, is not allowed."""


class InputError(SeqTutorError, ValueError):
    """A file or text given by the user cannot be used."""


class PriorError(SeqTutorError):
    """A prior is missing, damaged or does not fit."""


class RunError(SeqTutorError):
    """A run folder is missing, damaged or in the wrong state."""


class DamagedRunError(RunError):
    """A file of a run is missing or damaged; `problem` names the file and says why, without its path."""

    def __init__(self, message: str, problem: str) -> None:
        super().__init__(message)
        self.problem = problem


class MissingPartError(SeqTutorError):
    """An optional program or package is not installed."""
