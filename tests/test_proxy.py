"""The documented proxy, read from docs/serving.md: nginx accepts it and passes on what the app and a login need."""

import re
import shutil
import socket
import ssl
import subprocess
import time
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).resolve().parents[1]
CONFIGURED = re.findall(r"```nginx\n(.*?)```", (ROOT / "docs" / "serving.md").read_text(encoding="utf-8"), re.DOTALL)[0]
AROUND = """pid nginx.pid; error_log log; events {}
http { access_log off; client_body_temp_path a; proxy_temp_path b; fastcgi_temp_path c; uwsgi_temp_path d;
scgi_temp_path e;
"""
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
TOKENS = "x" * 3500  # bytes in a cookie; a browser takes 4,096

pytestmark = pytest.mark.skipif(
    not (NGINX and shutil.which("openssl")), reason="no nginx or openssl is installed: sudo apt-get install nginx-light"
)


class App(BaseHTTPRequestHandler):
    """In place of the app: tells the headers that reached it, and sets the cookies of a login with long tokens."""

    def do_GET(self) -> None:
        told = "\n".join(f"{name}: {value}" for name, value in self.headers.items()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.send_header("Content-Type", "application/javascript" if self.path.endswith(".js") else "text/plain")
        for number in range(5):
            self.send_header("Set-Cookie", f"tokens_{number}={TOKENS}")
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of nginx with the documented lines: only ports and the certificate are others."""
    folder = tmp_path_factory.mktemp("nginx")
    certificate = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=studio.example.com"]
    certificate += ["-keyout", folder / "studio.key", "-out", folder / "studio.pem"]  # type: ignore[list-item]
    subprocess.run(certificate, check=True, capture_output=True)
    app = ThreadingHTTPServer(("127.0.0.1", 0), App)
    Thread(target=app.serve_forever, daemon=True).start()
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    lines = CONFIGURED.replace("/etc/ssl/", f"{folder}/").replace("listen 443", f"listen 127.0.0.1:{port}")
    lines = lines.replace("127.0.0.1:8501", f"127.0.0.1:{app.server_port}")
    (folder / "nginx.conf").write_text(AROUND + lines + "}\n")
    command = [str(NGINX), "-p", str(folder), "-c", "nginx.conf", "-e", "log"]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    server = subprocess.Popen([*command, "-g", "daemon off;"])
    try:
        yield port
    finally:
        server.terminate()
        server.wait(timeout=20)
        app.shutdown()
        app.server_close()


def answer(port: int, *lines: str) -> str:
    """What comes back for a request of these lines, to its end."""
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    for _ in range(100):
        try:
            plain = socket.create_connection(("127.0.0.1", port), timeout=60)
            break
        except OSError:  # nginx is not there yet
            time.sleep(0.1)
    with trust.wrap_socket(plain, server_hostname="studio.example.com") as connection:
        connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        connection.settimeout(60)
        came = b""
        while b"100 Continue" not in came and (more := connection.recv(65536)):
            came += more
    return came.decode(errors="replace")


def test_the_app_is_told_its_name_and_https_and_gets_and_sets_long_cookies(port: int) -> None:
    host, cookie = "Host: studio.example.com", "Cookie: " + "; ".join(f"tokens_{n}={TOKENS}" for n in range(5))
    told = answer(port, "GET /melody HTTP/1.1", host, cookie, "Upgrade: websocket")
    assert told.startswith("HTTP/1.1 200") and told.count("Set-Cookie: ") == 5
    for header in (host, cookie, "Upgrade: websocket", "Connection: upgrade", "X-Forwarded-Proto: https"):
        assert header in told, header[:40]
    foreign = answer(port, "GET / HTTP/1.1", "Host: evil.example")
    assert "Host: evil.example" in foreign, "the app refuses it, so it must see it"


def test_the_largest_file_that_the_app_takes_passes(port: int) -> None:
    megabytes = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["server"]["maxUploadSize"]
    for size, told in ((megabytes * 2**20 + 1000, "100 Continue"), (2 * megabytes * 2**20, "413")):
        asked = [f"Content-Length: {size}", "Expect: 100-continue"]
        assert answer(port, "PUT /file HTTP/1.1", "Host: studio.example.com", *asked).split(" ", 1)[1].startswith(told)


def test_scripts_are_sent_small_to_who_takes_them_so(port: int) -> None:
    asked = ["GET /static/js/index.js HTTP/1.1", "Host: studio.example.com"]
    assert "Content-Encoding: gzip" in answer(port, *asked, "Accept-Encoding: gzip")
    assert "Content-Encoding" not in answer(port, *asked)
