"""A stop that does not wait for the learning: a thread of the worker that ends it wherever it stands.

An update may take many seconds, and so may the measuring at the end. Whoever asks to stop is answered within two: the
learning may come to an end by itself for a moment, then the last complete update is saved and the process ends. It
works from the first moment on, while torch is being imported, so nothing here needs torch.
"""

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from seqtutor_core.files import ABSENT
from seqtutor_core.runs.jsonl import parse_objects, read_lines
from seqtutor_core.runs.memory import too_much_memory
from seqtutor_core.runs.status_file import ENDED, status_fields, update_status

POLL_SECONDS = 0.1  # seconds
GRACE_SECONDS = 1.0  # seconds that a stop waits for the learning to heed it


class StopWatchdog(threading.Thread):
    """Waits for a request to stop, in controls.jsonl or by a signal, until the run's folder is gone or its memory is
    used up, and ends the process unless it ends itself.
    """

    def __init__(self, folder: Path, should_stop: Callable[[], bool]) -> None:
        super().__init__(daemon=True)
        self.folder, self.should_stop = folder, should_stop
        self.requested = threading.Event()
        """Set when the run is to stop."""
        self.finished = threading.Event()
        """Set by the worker when its work is done."""
        self.on_stop: Callable[[str], None] = self._stopped_while_starting
        """Writes down how far the run has come, and why it stops unless it was asked to; replaced as soon as there is
        something to save."""
        lines, self._offset = read_lines(folder / "controls.jsonl", 0)
        self._requested = status_fields(folder).get("state") not in ENDED and _stop_requested_after(lines, False)

    def run(self) -> None:
        why = ""
        while not (self.should_stop() or self._stop_requested() or self._is_gone() or (why := too_much_memory())):
            if self.finished.wait(POLL_SECONDS):
                return
        self.requested.set()
        if self.finished.wait(0.0 if why else GRACE_SECONDS):  # nothing was asked of the learning that it could heed
            return
        try:
            self.on_stop(why)
        except Exception:  # noqa: BLE001  then the checkpoint before this one has to do
            traceback.print_exc(file=sys.stderr)
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGTERM)  # to processes that measure molecules; this one has a handler
        os._exit(0)

    def _stop_requested(self) -> bool:
        with suppress(OSError):  # a disk that does not answer now is asked again
            lines, self._offset = read_lines(self.folder / "controls.jsonl", self._offset)
            self._requested = _stop_requested_after(lines, self._requested)
        return self._requested

    def _is_gone(self) -> bool:
        """Return whether the run's folder was taken away: nobody can follow or stop the run any more."""
        try:
            self.folder.stat()
        except OSError as error:  # of another kind while the disk does not answer
            return isinstance(error, ABSENT)
        return False

    def _stopped_while_starting(self, why: str) -> None:
        message = why or "stopped while starting"
        update_status(self.folder, state="stopped", message=message, ended=time.time(), pid=os.getpid())


def _stop_requested_after(lines: list[bytes], requested: bool) -> bool:
    """Return whether a stop is requested after these lines; a resumption settles older requests."""
    for fact in parse_objects(lines):
        requested = fact.get("stop") is True or (requested and "resumed" not in fact)
    return requested
