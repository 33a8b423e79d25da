"""The zip of a bundle, read with care: its names, sizes and card are checked before anything is written."""

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from seqtutor_core.errors import InputError, SettingError
from seqtutor_core.files import reason, without_waiting
from seqtutor_core.rules import parse_json, shown
from seqtutor_core.runs import bundle_format as bundle

CHUNK = 2**20  # bytes
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    struct.error,
    OverflowError,
)
"""What Python's zipfile raises for a damaged file."""
AGAIN = "export the run again, or copy the file once more"


@contextmanager
def opened(file: Path | IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """Yield the zip; InputError for whatever is wrong with it as a zip, wherever that is noticed."""
    try:
        with _read(file) as source, zipfile.ZipFile(source) as archive:
            yield archive
    except InputError:
        raise
    except DAMAGE as error:
        raise InputError(f"the file is not a bundle, or a damaged one ({error}); {AGAIN}") from None


@contextmanager
def _read(file: Path | IO[bytes]) -> Iterator[IO[bytes]]:
    """Yield the open file; InputError where a path leads to none."""
    if not isinstance(file, Path):
        yield file
        return
    try:
        source = open(file, "rb", opener=without_waiting)  # noqa: SIM115  closed below
        if not stat.S_ISREG(os.fstat(source.fileno()).st_mode):
            raise OSError("it is not a plain file")
    except OSError as error:
        raise InputError(f"{file} cannot be read: {reason(error)}; name a bundle that runs export wrote") from None
    with source:
        yield source


def _checked_names(archive: zipfile.ZipFile) -> set[str]:
    """Return the names of the entries, none of which is strange or too large; InputError names the first that is."""
    entries = archive.infolist()
    if len(entries) > bundle.MOST_FILES:
        raise InputError(f"the file has {len(entries):,} files; a bundle has at most {bundle.MOST_FILES:,}")
    seen: set[str] = set()
    for entry in entries:
        if not bundle.MEMBER.fullmatch(entry.filename) or (entry.external_attr >> 28) not in (0, 8):
            raise InputError(f"the file has {shown(entry.filename)}, which no bundle has; {AGAIN}")
        if entry.filename in seen:
            raise InputError(f"the file has {entry.filename} twice; {AGAIN}")
        if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InputError(f"{entry.filename} is encrypted or packed as bundles are not; {AGAIN}")
        if entry.filename.endswith(bundle.WEIGHTS) and entry.compress_type != zipfile.ZIP_STORED:
            raise InputError(f"{entry.filename} is packed, and bundles store weights as they are; {AGAIN}")
        seen.add(entry.filename)
    if bundle.CARD not in seen:
        raise InputError(f"the file is a zip without {bundle.CARD}, so no bundle; name one that runs export wrote")
    _check_sizes(entries)
    return seen


def _check_sizes(entries: list[zipfile.ZipInfo]) -> None:
    """Raise InputError for more bytes, unpacked, than bundles have; weights are as large packed as unpacked."""
    text = sum(entry.file_size for entry in entries if not entry.filename.endswith(bundle.WEIGHTS))
    total = sum(entry.file_size for entry in entries)
    for size, most, what in ((text, bundle.MOST_TEXT_BYTES, "text"), (total, bundle.MOST_BYTES, "files")):
        if size > most:
            raise InputError(f"the bundle unpacks to {size:,} bytes of {what}; at most {most:,} are taken")


def checked_card(archive: zipfile.ZipFile) -> dict[str, Any]:
    """Return the card, checked, of a bundle whose entries are sound and that has every file it names; InputError
    otherwise.
    """
    there = _checked_names(archive)
    with archive.open(bundle.CARD) as file:
        data = file.read(bundle.MOST_CARD_BYTES + 1)
    if len(data) > bundle.MOST_CARD_BYTES:
        raise InputError(f"{bundle.CARD} has more than {bundle.MOST_CARD_BYTES:,} bytes; {AGAIN}")
    value = parse_json(data)
    made = value.get("bundle") if isinstance(value, dict) else None
    if isinstance(made, int) and made > bundle.FORMAT:
        raise InputError(f"the bundle was made by a newer version of the program (format {made}); update the program")
    try:
        card = bundle.CARD_RULE(bundle.CARD, value)
    except SettingError as error:
        raise InputError(f"the file is no bundle: {error}; {AGAIN}") from None
    if missing := sorted({*card["files"], *bundle.NEEDED} - there):
        raise InputError(f"the bundle lacks {', '.join(missing[:5])}; {AGAIN}")
    return card


def unpack(archive: zipfile.ZipFile, hidden: Path) -> None:
    """Write the files of the run and its prior; zipfile reads no more than an entry announced, and checks its sum."""
    for entry in archive.infolist():
        if "/" not in entry.filename:
            continue
        with archive.open(entry) as packed, open(hidden / entry.filename, "xb") as file:
            while piece := packed.read(CHUNK):
                file.write(piece)
