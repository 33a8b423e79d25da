"""A connection to a Ray cluster, one for each process; Ray is imported only where somebody asks for it."""

import os
import socket
from types import ModuleType

from seqtutor_core.errors import MissingPartError, SettingError
from seqtutor_core.rules import shown

KNOCKING = 5.0  # seconds
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # of HTTP/2, RFC 9113
SETTINGS = b"\0\0\0\4" + bytes(5)  # the first frame of both sides, here empty; its type is the fourth byte


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
    """Raise OSError or ValueError where nobody answers, or nobody who speaks Ray's protocol, which is gRPC over HTTP/2.

    Ray itself would try for minutes.
    """
    _, colon, port = address.rpartition(":")
    if colon:
        host = address.removeprefix("ray://").rpartition(":")[0].strip("[]")
        with socket.create_connection((host, int(port)), KNOCKING) as connection:
            if "RAY_USE_TLS" in os.environ:
                return
            connection.sendall(PREFACE + SETTINGS)
            if connection.makefile("rb").read(len(SETTINGS))[3:4] != SETTINGS[3:4]:
                raise ConnectionError("something else answers there")
