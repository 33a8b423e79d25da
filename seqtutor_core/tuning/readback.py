"""Reads results back from a GPU while it goes on with what it was asked for since."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch


class Readback:
    """A stream of its own, which waits for what was asked of a GPU before the mark, and for nothing after it.

    Whoever reads a number waits for all that its stream was asked for: on the main one for the update as well, and the
    GPU would have nothing to do until the host has told it of the next rollout.
    """

    def __init__(self, device: torch.device) -> None:
        self.stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        """None on a CPU, which has computed everything by the time that it returns."""

    def mark(self) -> None:
        """Let what is read next be as it is now."""
        if self.stream is not None:
            self.stream.wait_stream(torch.cuda.current_stream(self.stream.device))

    def __call__(self) -> AbstractContextManager[Any]:
        """Return the context in which to read; what was read must be on the host when it ends."""
        return nullcontext() if self.stream is None else torch.cuda.stream(self.stream)
