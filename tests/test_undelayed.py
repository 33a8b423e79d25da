"""Answers leave the server at once: on a socket bound as Streamlit binds its own, connections wait for nothing."""

import asyncio
import socket
import subprocess
import sys
import threading
from http.client import HTTPConnection
from pathlib import Path

import pytest
import uvicorn
from websockets.sync.client import connect

from pages.ui.hosts import Message, Receive, Send, Served
from pages.ui.undelayed import Undelayed

ROOT = Path(__file__).resolve().parents[1]


async def told(scope: Message, receive: Receive, send: Send) -> None:
    """Answer with whether the connection that asks waits: 0 if packets are held back."""
    connection = send.__self__.transport.get_extra_info("socket")  # type: ignore[attr-defined]
    undelayed = str(int(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0))
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": undelayed.encode()})
    else:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": undelayed})
        await send({"type": "websocket.close"})


def answers(app: Served) -> tuple[str, str]:
    """Serve an application as Streamlit does; return what it answers to a request and on a WebSocket."""
    with socket.socket(socket.AF_INET) as bound:  # no protocol is named
        bound.bind(("127.0.0.1", 0))
        bound.listen()  # whoever connects before the server is there waits
        host, port = bound.getsockname()
        server = uvicorn.Server(uvicorn.Config(app, ws="websockets-sansio", lifespan="off", log_level="error"))
        serving = threading.Thread(target=asyncio.run, args=(server.serve([bound]),))
        serving.start()
        try:
            request = HTTPConnection(host, port)
            request.request("GET", "/")
            answer = request.getresponse().read().decode()
            with connect(f"ws://{host}:{port}/", proxy=None) as messages:
                return answer, str(messages.recv())
        finally:
            request.close()
            server.should_exit = True
            serving.join()


def test_connections_hold_nothing_back() -> None:
    assert answers(Undelayed(told)) == ("1", "1")


def test_without_it_they_would() -> None:
    """Streamlit's or uvicorn's own answer to this would make the application superfluous."""
    assert answers(told) == ("0", "0")


@pytest.mark.slow
def test_the_app_is_served_so() -> None:
    check = "import app; from pages.ui.undelayed import Undelayed; assert type(app.app) is Undelayed"
    subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=True)
