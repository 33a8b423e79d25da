"""Our style sheets, sent with the page itself.

Streamlit (1.67) sends styles as it sends any other part of a page, after the parts around them: everything would stand
elsewhere for a moment. So they are put into the document that carries the app.
"""

from collections.abc import Iterable
from pathlib import Path

from pages.ui.hosts import Message, Receive, Send, Served

SHEETS = Path(__file__).resolve().parents[2] / "assets" / "styles"
# A part of the document cannot be styled, and one that the browser has already is not sent.
UNWANTED = (b"accept-encoding", b"if-none-match", b"if-modified-since", b"range")
OUTDATED = (b"content-length", b"etag", b"last-modified", b"accept-ranges")


def sheets() -> bytes:
    """Return all of assets/styles as one style element."""
    return b"<style>" + b"\n".join(path.read_bytes() for path in sorted(SHEETS.glob("*.css"))) + b"</style>"


class Styled:
    """An ASGI application that adds the style sheets to each document of another."""

    def __init__(self, app: Served) -> None:
        self.app, self.style = app, sheets()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request as the other application does; a document gets the style sheets, and a length to match."""
        if scope["type"] != "http" or b"text/html" not in dict(scope["headers"]).get(b"accept", b""):
            await self.app(scope, receive, send)
            return
        plain = {**scope, "headers": without(scope["headers"], UNWANTED), "extensions": {}}
        document = bytearray()
        start: Message = {}

        async def styled(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            document.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            # at the end, after Streamlit's styles, so that ours count
            body = bytes(document).replace(b"</body>", self.style + b"</body>", 1)
            length = (b"content-length", str(len(body)).encode())
            await send({**start, "headers": [*without(start["headers"], OUTDATED), length]})
            await send({"type": "http.response.body", "body": body if scope["method"] != "HEAD" else b""})

        await self.app(plain, receive, styled)


def without(headers: Iterable[tuple[bytes, bytes]], names: tuple[bytes, ...]) -> list[tuple[bytes, bytes]]:
    """Return the headers except those of these names, which are in lower case."""
    return [(name, value) for name, value in headers if name.lower() not in names]
