"""A connection to a Ray cluster, one for each process; Ray is imported only where somebody asks for it."""

import os
import socket
from types import ModuleType

from seqtutor_core.errors import MissingPartError, SettingError
from seqtutor_core.rules import shown

KNOCKING = 5.0  # seconds


def connect(address: str) -> ModuleType:
    """Connect this process to the cluster at HOST:PORT, or auto for this machine's; return the module ray.

    MissingPartError without Ray, SettingError where there is no cluster.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # tell nobody anything
    os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "1")  # of 45 s; Ray itself would try for a quarter of an hour
    try:
        import ray
    except ModuleNotFoundError:
        raise MissingPartError("Ray is not installed: python -m pip install -r requirements-cluster.txt") from None
    if ray.is_initialized():
        return ray
    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise SettingError(
            f"no Ray cluster at {shown(address)} ({str(error).splitlines()[0]}); "
            "start one with `ray start --head`, or name another address"
        ) from None
    return ray


def _knock(address: str) -> None:
    """Raise OSError or ValueError where nobody answers: Ray itself would try for minutes."""
    _, colon, port = address.rpartition(":")
    if colon:
        host = address.removeprefix("ray://").rpartition(":")[0].strip("[]")
        socket.create_connection((host, int(port)), KNOCKING).close()
