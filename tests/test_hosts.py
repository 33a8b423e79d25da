"""Which names the app answers to, and how it is served."""

import base64
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from pages.ui.hosts import is_ours

ROOT = Path(__file__).resolve().parents[1]
MACHINE = socket.gethostname()


@pytest.mark.parametrize("host", ["localhost", "localhost:8501", "127.0.0.1:1", "[::1]:80", "LOCALHOST."])
def test_this_machine_is_ours(host: str) -> None:
    assert is_ours(host, "localhost", [])
    assert is_ours(host, "0.0.0.0", ["a.example"])


FOREIGN = """evil.example evil.example:8501 localhost.evil.example evil.example#localhost a@localhost ::1 localhost:x
[::1 localhost/ 10.0.0.7 http://localhost"""


@pytest.mark.parametrize("host", [*FOREIGN.split(), "", "local host"])
def test_others_are_not(host: str) -> None:
    assert not is_ours(host, "localhost", ["studio.example"])


def test_an_address_that_is_served_is_ours() -> None:
    assert is_ours("10.0.0.7:80", "10.0.0.7", []) and not is_ours("10.0.0.8", "10.0.0.7", [])
    for address in ("", "0.0.0.0", "::"):
        for host in (MACHINE, f"{MACHINE}.local:8501", "10.0.0.7", "[fe80::1]:8501"):
            assert is_ours(host, address, []), (host, address)
        assert not is_ours("evil.example", address, [])
        assert not is_ours(f"{MACHINE}.evil.example", address, [])
    assert not is_ours("10.0.0.7", "localhost", [])


def test_further_names() -> None:
    more = ["studio.example", "*.lab.example"]
    assert is_ours("Studio.Example:443", "localhost", more) and is_ours("a.b.lab.example", "localhost", more)
    assert not is_ours("lab.example", "localhost", more) and not is_ours("xlab.example", "localhost", more)
    assert is_ours("whatever", "localhost", ["*"])


@pytest.mark.slow
def test_the_served_app_refuses_a_foreign_host(tmp_path: Path) -> None:
    """Pages, files and the connection that a page lives on."""
    from tests.browsing import served

    with served(
        ROOT / "app.py", tmp_path, SEQTUTOR_HOME=str(tmp_path), ALLOWED_HOSTS="studio.example, b.example"
    ) as at:
        port = int(at.rpartition(":")[2])
        for path in ("/", "/melody", "/_stcore/health", "/app/static/3Dmol-min.js"):
            assert _status(port, "evil.example", path) == _status(port, f"evil.example:{port}", path) == 403
        assert _status(port, "evil.example", "/_stcore/stream", *UPGRADE) == 403
        for host in (f"localhost:{port}", f"127.0.0.1:{port}", "studio.example"):
            assert _status(port, host, "/") == 200
            assert _status(port, host, "/_stcore/stream", *UPGRADE) == 101


UPGRADE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
)


def _status(port: int, host: str, path: str, *headers: str) -> int:
    """What the server answers to a request that names a host."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", *(headers or ("Connection: close",))]
    with socket.create_connection(("localhost", port), timeout=60) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return int(connection.recv(100).split()[1])


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_a_taken_port_is_told() -> None:
    with socket.create_server(("localhost", 0)) as taken:
        port = taken.getsockname()[1]
        command = ["make", "port", f"PORT={port}", "-o", ".venv/.made"]
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert told.returncode and f"Port {port} is taken" in told.stdout and "PORT=8600 make app" in told.stdout
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0
