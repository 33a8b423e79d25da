"""Text as users give it: bytes of a file as text, and the lines of a text; and a number that stands for a text."""

import codecs
import hashlib
import re

from seqtutor_core.errors import InputError

# UTF-32 first: its mark begins with that of UTF-16
MARKS = (
    (codecs.BOM_UTF8, "UTF-8", "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "UTF-32", "utf-32"),
    (codecs.BOM_UTF32_BE, "UTF-32", "utf-32"),
    (codecs.BOM_UTF16_LE, "UTF-16", "utf-16"),
    (codecs.BOM_UTF16_BE, "UTF-16", "utf-16"),
)
FORMATS = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive or an Office document"),
    (b"\xd0\xcf\x11\xe0", "an Office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"MThd", "a MIDI file"),
)
"""How files begin that people take for text."""
_LINE_END = re.compile(r"\r\n|\n|\r")


def decode(data: bytes, filename: str) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 or UTF-32 with a byte order mark, which is left out.

    InputError names what else the file is.
    """
    other = next((what for start, what in FORMATS if data.startswith(start)), None)
    if other:
        raise InputError(f"{filename!r} is {other}, not text; export what it shows as text and choose that file")
    encoding, codec = next(((name, codec) for mark, name, codec in MARKS if data.startswith(mark)), ("UTF-8", "utf-8"))
    try:
        text = data.decode(codec).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{filename!r} is not {encoding} text (byte {data[error.start]:#04x} at position {error.start + 1}); "
            "save it as UTF-8 and choose it again"
        ) from None
    if "\0" in text:
        raise InputError(f"{filename!r} is not text: it holds zero bytes; save it as UTF-8 and choose it again")
    return text


def lines(text: str) -> list[str]:
    r"""Return the lines of a text without their ends, which are \n, \r\n or \r and nothing else.

    str.splitlines would also end them at form feeds, at U+0085 and at U+2028, which stand within names.
    """
    split = _LINE_END.split(text)
    return split if split[-1] else split[:-1]


def hashed(text: str) -> int:
    """Return a whole number of 32 bits that is the same for a text on every machine."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")
