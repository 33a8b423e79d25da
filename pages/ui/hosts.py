"""Which names this server answers to.

Another site can let its own name lead to this machine (DNS rebinding), and a browser then takes this app for a part of
that site. So a request for a name that is not ours is refused, for pages and for their connections alike.
"""

import ipaddress
import os
import re
import socket
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any

import streamlit as st

SETTING = "ALLOWED_HOSTS"  # an environment variable: more names, with commas; *.example.com, or * for any
HERE = ("localhost", "127.0.0.1", "::1")
EVERYWHERE = ("", "0.0.0.0", "::")  # addresses of a server that listens to the network
HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\s\[\]:@/?#\\]+))(?::\d{1,5})?", re.IGNORECASE)
REFUSED = (
    f"This app answers to the machine's own names only. For another, such as a proxy's: {SETTING}=the.name make app\n"
)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Served = Callable[[Message, Receive, Send], Awaitable[None]]


class OurHosts:
    """An ASGI application that passes on what is asked of us and answers 403 to everything else."""

    def __init__(self, app: Served) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or is_ours(_host(scope), st.get_option("server.address") or "", allowed()):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})  # before it was accepted: the browser is told 403
        else:
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": REFUSED.encode()})


def is_ours(host: str, address: str, more: Collection[str]) -> bool:
    """Return whether a Host header names this server, which listens at `address` and answers to `more` names."""
    if not (match := HOST.fullmatch(host)):
        return False
    name = (match[1] or match[2]).lower().rstrip(".")
    if name in HERE or any(_fits(name, pattern) for pattern in more):
        return True
    if address not in EVERYWHERE:
        return name == address.lower()
    machine = socket.gethostname().lower()
    # nobody's name can lead a browser to write an address there: it was typed
    return _is_address(name) or name in (machine, machine.partition(".")[0], f"{machine}.local")


def allowed() -> list[str]:
    """Return the further names that were set."""
    return [name.strip().lower().rstrip(".") for name in os.environ.get(SETTING, "").split(",") if name.strip()]


def _fits(name: str, pattern: str) -> bool:
    return pattern in ("*", name) or (pattern.startswith("*.") and name.endswith(pattern[1:]))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _host(scope: Message) -> str:
    """Return the Host header; empty when there is none, or more than one."""
    values = [value for name, value in scope["headers"] if name == b"host"]
    return values[0].decode("latin-1") if len(values) == 1 else ""
