"""What the home page shows of each domain, as benchmarks/example.py wrote it."""

import json
from functools import cache
from pathlib import Path
from typing import Any

EXAMPLE = Path(__file__).resolve().parents[2] / "assets" / "example.json"


@cache
def example(domain: str) -> Any:
    """Return a pair of melodies, or a molecule with its figures, drawing and shape in space."""
    return json.loads(EXAMPLE.read_text(encoding="utf-8"))[domain]
