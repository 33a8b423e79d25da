"""Where this package keeps its files, and how it writes those that others read meanwhile."""

import os
from pathlib import Path

import platformdirs


def home() -> Path:
    """SEQTUTOR_HOME, or the platform's folder for user data."""
    return Path(os.environ.get("SEQTUTOR_HOME") or platformdirs.user_data_dir("seqtutor"))


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
