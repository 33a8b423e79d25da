"""SMILES tokens: atoms (two-letter ones and brackets whole), bonds, branches, ring numbers, and the end.

Which of them a prior writes is a vocabulary of its own: what occurs in the molecules that it learned from.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile

from seqtutor_core.errors import TokenError
from seqtutor_core.vocabulary import Vocabulary

END = "<end>"
PATTERN = re.compile(
    r"(?P<atom>\[[^\[\]\s]+\]|Br|Cl|[BCNOPSFIbcnops*])"
    r"|(?P<bond>->|<-|[-=#$:/\\~.])|(?P<branch>[()])|(?P<ring>%\(\d+\)|%\d\d|\d)"
)

ELEMENT = re.compile(r"\[?\d*([A-Z][a-z]?|[a-z]{1,2})")  # at the beginning of an atom


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


class SmilesTokens:
    """The tokens that a prior writes, and how SMILES are made of them."""

    def __init__(self, corpus: str, title: str, prior: str, seen: str, longest: int) -> None:
        """Build the vocabulary of a corpus.

        title: what the corpus is called; prior: the shipped one that learned from it; seen: the corpus's tokens,
        separated by blanks; longest: most tokens in a molecule, the end included.
        """
        self.corpus, self.title, self.prior, self.longest = corpus, title, prior, longest
        self.seen = tuple(seen.split(" "))
        self.vocabulary = Vocabulary([*self.seen, END])  # the end token comes last
        self.end = self.vocabulary.id(END)
        kinds = [match.lastgroup if (match := PATTERN.fullmatch(token)) else None for token in self.seen]
        self.atoms = tuple(i for i, kind in enumerate(kinds) if kind == "atom")
        elements = (match[1].title() for i in self.atoms if (match := ELEMENT.match(self.seen[i])))
        self.elements = frozenset([*elements, "H"])  # hydrogens stand on atoms
        self.rings = tuple(sorted((i for i, kind in enumerate(kinds) if kind == "ring"), key=lambda i: self.seen[i]))

    def encode(self, smiles: str) -> list[int]:
        """Return the token ids of a SMILES, without the end; TokenError names an unknown token and its place."""
        ids, position = [], 1
        for token in split(smiles):
            if token not in self.vocabulary or token == END:
                raise TokenError(
                    f"{token!r} at position {position} of {_shown(smiles, position)} is not among the prior's tokens: "
                    f"{' '.join(self.seen)}{writer(smiles)}"
                )
            ids.append(self.vocabulary.id(token))
            position += len(token)
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """Return the SMILES of token ids, up to the end token if there is one."""
        return "".join(map(self.vocabulary.tokens.__getitem__, takewhile(self.end.__ne__, ids)))

    def ended(self, ids: Sequence[int]) -> bool:
        """Return whether a sequence has its end token."""
        return self.end in ids

    def missing(self, smiles: str) -> list[str]:
        """Return the tokens of a SMILES that are not among these, each once."""
        return [token for token in dict.fromkeys(split(smiles)) if token not in self.vocabulary]


# tokens by how often they occur, the most frequent first; recipes: python -m seqtutor_core prior corpus molecule, and
# molecule-zinc, whose longest molecule has 72 tokens and the end, that of MOSES 54
MOSES = SmilesTokens("moses", "MOSES", "molecule", "c C ( ) 1 O 2 N = n 3 F - S s o Cl [nH] # 4 Br 5 [H] 6", longest=64)
ZINC = SmilesTokens(
    "zinc",
    "ZINC 250k",
    "molecule-zinc",
    "c C ( ) 1 O 2 = N n 3 [C@@H] [C@H] F S Cl s - [NH+] o 4 / [O-] [nH] [NH2+] # Br [N+] [C@] [NH3+] [C@@] \\ [nH+] 5 "
    "[N-] [S@] [S@@] I [n+] [S-] [n-] 6 P [P@@] [P@] [NH-] [o+]",
    longest=80,
)
TOKENS: Mapping[str, SmilesTokens] = {each.corpus: each for each in (MOSES, ZINC)}
"""The tokens of each corpus by its name."""


def writer(smiles: str) -> str:
    """Return the way out for a SMILES that a prior cannot write: the shipped priors that can; empty if none can."""
    able = [each.prior for each in TOKENS.values() if not each.missing(smiles)]
    return f"; the prior {' or '.join(able)} can write it" if able else ""


def unwritten(elements: Iterable[str], tokens: SmilesTokens) -> str:
    """Return a sentence on the elements that a prior with these tokens cannot write, and the shipped priors that can;
    empty if it can write them all.
    """
    asked = set(elements)
    if not (missing := sorted(asked - tokens.elements)):
        return ""
    able = " or ".join(each.prior for each in TOKENS.values() if asked <= each.elements)
    way = f"the prior {able} can" if able else "no shipped prior can"
    return f"The prior cannot write {', '.join(missing)}; {way}."


def _shown(smiles: str, position: int, width: int = 40) -> str:
    """Return a SMILES in quotes, a long one cut to the part around a position."""
    if len(smiles) <= width:
        return repr(smiles)
    first = max(0, position - width // 2)
    return f"{'...' if first else ''}{smiles[first : first + width]!r}..."
