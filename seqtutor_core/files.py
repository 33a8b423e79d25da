"""Where this package keeps its files, and how it writes those that others read meanwhile."""

import os
import stat
from contextlib import suppress
from pathlib import Path

import platformdirs

ABSENT = (FileNotFoundError, NotADirectoryError)
"""What says that nothing is at a path. Any other OSError says that it cannot be told; `Path.is_dir` and `exists` answer
False for both since Python 3.14."""


def home() -> Path:
    """Return SEQTUTOR_HOME, or the platform's folder for user data."""
    return Path(os.environ.get("SEQTUTOR_HOME") or platformdirs.user_data_dir("seqtutor"))


def read_whole(path: Path, most: int) -> bytes:
    """Return the bytes of a plain file; OSError for a folder, a pipe, a device, or a file of more than `most` bytes."""
    with open(path, "rb", opener=without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError("it is not a plain file")
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(f"it has more than {most:,} bytes")
    return data


def size_of(folder: str | os.PathLike[str]) -> int:
    """Return the bytes of all files in a folder and below; what vanishes meanwhile counts nothing."""
    total = 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                total += size_of(entry)
            else:
                with suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_size
    return total


def reason(error: Exception) -> str:
    """Return why a file could not be read, in few words and without its path."""
    return getattr(error, "strerror", None) or str(error)


def without_waiting(path: str, flags: int) -> int:
    """Open a file (for `open`): a pipe that nobody writes to is opened at once, and refused."""
    return os.open(path, flags | os.O_NONBLOCK)


def replace_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all: readers see the old file or the new one."""
    replace_bytes(path, text.encode())


def replace_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; on failure nothing is left behind and OSError is raised."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
