"""What users write, shown as it is: Streamlit reads nearly every text as Markdown."""

import re

MARKUP = re.compile(
    r"[\\`*~|$&<>\[\]\t\r\n]"
    r"|:(?=\S)"  # Streamlit's directives, icons and emoji
    r"|(?<![^\W_])_|_(?![^\W_])"  # inside a word it is nothing but itself
    r"|^[\s#+=-]|^\d(?=\d*[.)](?:\s|$))|\s$"  # headings, lists, code by indentation
)
"""Characters that Markdown reads. Written as &#42; and the like they are text, wherever they stand."""

REPLACED = re.compile(
    r":(?=material_\w|streamlit:)"
    r"|(?i:https?:(?=//)|www(?=\.))|@(?=[-\w]+\.)"  # links, which nobody put there
    r"|(?:(?<=\s)|^)(?=(?:<->|->|<-|--|>=|<=|~=)(?:\s|$))"  # arrows and the like
)
"""What Streamlit (1.67) replaces in a text that it has read already; a space without width keeps it from that."""


def literal(text: object) -> str:
    """Return Markdown that shows a text exactly as it is: for names, SMILES, file names, errors that quote them."""
    parted = REPLACED.sub("\\g<0>\u200b", str(text))
    return MARKUP.sub(lambda match: f"&#{ord(match[0])};", parted)
