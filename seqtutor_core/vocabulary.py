"""Tokens and their ids."""

from collections.abc import Iterable, Sequence

from seqtutor_core.errors import TokenError


class Vocabulary:
    """An ordered set of V token names; a token's id is its place.

    Raises TokenError for names given twice.
    """

    def __init__(self, tokens: Iterable[str]) -> None:
        self.tokens = tuple(tokens)
        self._ids = {token: i for i, token in enumerate(self.tokens)}
        if len(self._ids) != len(self.tokens):
            raise TokenError("a vocabulary lists each token once; remove the repeated names")

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: str) -> bool:
        return token in self._ids

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.tokens == other.tokens

    def __hash__(self) -> int:
        return hash(self.tokens)

    def id(self, token: str) -> int:
        """Return the id of a token; TokenError when it is unknown."""
        try:
            return self._ids[token]
        except KeyError:
            raise TokenError(f"token {token!r} is not in the vocabulary of {len(self)} tokens") from None

    def check(self, ids: Sequence[object]) -> list[int]:
        """Return the ids as plain integers; TokenError names the first that is out of range and its position."""
        checked: list[int] = []
        for position, token in enumerate(ids):
            if isinstance(token, bool) or not isinstance(token, int) or not 0 <= token < len(self):
                raise TokenError(
                    f"token {token!r} at position {position} is not allowed: "
                    f"tokens are whole numbers from 0 to {len(self) - 1}"
                )
            checked.append(token)
        return checked
