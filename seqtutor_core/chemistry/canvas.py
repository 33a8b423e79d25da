"""RDKit's canvases. On Linux they need libraries of the system, those of X11 also where there is no screen."""

import ctypes
import sys
from types import ModuleType

from seqtutor_core.errors import MissingPartError

LIBRARIES = {
    "libX11.so.6": "libx11-6",
    "libXext.so.6": "libxext6",
    "libXrender.so.1": "libxrender1",
    "libexpat.so.1": "libexpat1",
}
"""What RDKit's packages for Linux do not bring along, and Debian's package of each."""


def canvases() -> ModuleType:
    """Return rdMolDraw2D, which is loaded when something is drawn first; MissingPartError where it cannot be."""
    try:
        from rdkit.Chem.Draw import rdMolDraw2D
    except ImportError as error:
        raise MissingPartError(f"RDKit cannot draw: {error}; to get it: {remedy() or 'reinstall rdkit'}") from error
    return rdMolDraw2D


def missing() -> list[str]:
    """Return the libraries that drawing lacks on this system."""
    return [name for name in LIBRARIES if sys.platform == "linux" and not _loads(name)]


def remedy() -> str:
    """Return how to get what is missing; empty when nothing is."""
    packages = " ".join(LIBRARIES[name] for name in missing())
    return packages and f"sudo apt-get install {packages}"


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
