"""SMILES tokens: atoms (two-letter ones and brackets whole), bonds, branches, ring numbers, and the end.

The vocabulary holds what occurs in the MOSES training set (recipe: python -m seqtutor_core prior corpus molecule).
"""

import re
from collections.abc import Iterable, Sequence

from seqtutor_core.errors import TokenError
from seqtutor_core.vocabulary import Vocabulary

END = "<end>"
PATTERN = re.compile(
    r"(?P<atom>\[[^\[\]\s]+\]|Br|Cl|[BCNOPSFIbcnops*])"
    r"|(?P<bond>->|<-|[-=#$:/\\~.])|(?P<branch>[()])|(?P<ring>%\(\d+\)|%\d\d|\d)"
)

# by how often they occur, most frequent first; the end token comes last
SEEN = tuple("c C ( ) 1 O 2 N = n 3 F - S s o Cl [nH] # 4 Br 5 [H] 6".split(" "))  # noqa: SIM905  reads as a SMILES
VOCABULARY = Vocabulary([*SEEN, END])
END_ID = VOCABULARY.id(END)
OPEN, CLOSE = VOCABULARY.id("("), VOCABULARY.id(")")
ATOMS = tuple(i for i, token in enumerate(SEEN) if (m := PATTERN.fullmatch(token)) and m.lastgroup == "atom")
RINGS = tuple(sorted((i for i, token in enumerate(SEEN) if token.isdigit()), key=lambda i: SEEN[i]))
_n, _c, _double = ((VOCABULARY.id(token),) for token in ("n", "c", "="))
_more = (*(set(ATOMS) - {VOCABULARY.id("[H]")}), VOCABULARY.id("-"), OPEN)
DOUBLE_BONDS = (
    (_c,),
    (_n,),
    # an atom doubly bound to something outside the ring takes no part in it
    (_double, _c),
    (_c, _double),
    (_c, (OPEN,), _double),
    (_c, RINGS, _double),
    # nor does a nitrogen with three neighbours
    (_n, (OPEN,)),
    (_n, RINGS, RINGS),
    (_n, RINGS, _more),
)
"""Where the number of aromatic atoms that need a double bond turns from even to odd or back: it must come out even."""
LONGEST = 64
"""Most tokens in a molecule, the end included; the longest of the training set has 54 and the end."""


def split(smiles: str) -> list[str]:
    """Return the tokens of a SMILES; TokenError names the first character outside any token, and its place."""
    tokens, position = [], 0
    while position < len(smiles):
        match = PATTERN.match(smiles, position)
        if match is None:
            raise TokenError(
                f"{smiles[position]!r} at position {position + 1} of {_shown(smiles, position)} is not SMILES: "
                "atoms, bonds - = # / \\, branches ( ), ring numbers and bracket atoms are"
            )
        tokens.append(match.group())
        position = match.end()
    return tokens


def encode(smiles: str) -> list[int]:
    """Return the token ids of a SMILES, without the end; TokenError names an unknown token and its place."""
    ids, position = [], 1
    for token in split(smiles):
        if token not in VOCABULARY or token == END:
            raise TokenError(
                f"{token!r} at position {position} of {_shown(smiles, position)} is not among the prior's tokens: "
                f"{' '.join(SEEN)}"
            )
        ids.append(VOCABULARY.id(token))
        position += len(token)
    return ids


def decode(ids: Iterable[int]) -> str:
    """Return the SMILES of token ids, up to the end token if there is one."""
    text = []
    for i in ids:
        if i == END_ID:
            break
        text.append(VOCABULARY.tokens[i])
    return "".join(text)


def ended(ids: Sequence[int]) -> bool:
    """Return whether a sequence has its end token."""
    return END_ID in ids


def _shown(smiles: str, position: int, width: int = 40) -> str:
    """Return a SMILES in quotes, a long one cut to the part around a position."""
    if len(smiles) <= width:
        return repr(smiles)
    first = max(0, position - width // 2)
    return f"{'...' if first else ''}{smiles[first : first + width]!r}..."
