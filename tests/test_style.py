"""The style sheets come with the page, so that nothing that is drawn waits for them."""

import asyncio
from collections.abc import Mapping
from typing import Any

from pages.ui.style import SHEETS, Styled

PAGE = b"<html><head></head><body><p>x</p></body></html>"
ASKS_FOR_PAGE = {"accept": "text/html,*/*", "accept-encoding": "gzip", "if-none-match": "old"}


def answer(asked: Mapping[str, str]) -> tuple[dict[bytes, bytes], bytes, Any]:
    """What comes of PAGE, sent in two parts: headers, body, and the headers that the application was asked with."""
    sent: list[Any] = []
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        headers = [(b"content-type", b"text/html"), (b"content-length", b"%d" % len(PAGE)), (b"etag", b"old")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": PAGE[:30], "more_body": True})
        await send({"type": "http.response.body", "body": PAGE[30:]})

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(name.encode(), value.encode()) for name, value in asked.items()]
    asyncio.run(Styled(app)({"type": "http", "method": "GET", "headers": headers}, None, send))  # type: ignore[arg-type]
    return dict(sent[0]["headers"]), b"".join(each["body"] for each in sent[1:]), dict(seen[0]["headers"])


def test_a_page_comes_with_the_styles_behind_all_else() -> None:
    """Whole, unpacked and never as the one that the browser knows, whose styles may be older."""
    headers, body, asked = answer(ASKS_FOR_PAGE)
    assert body.startswith(PAGE.removesuffix(b"</body></html>") + b"<style>")
    assert body.endswith(b"</style></body></html>")
    for sheet in SHEETS.iterdir():
        assert sheet.read_bytes() in body
    assert headers[b"content-length"] == b"%d" % len(body)
    assert b"etag" not in headers
    assert set(asked) == {b"accept"}


def test_all_else_comes_as_it_is() -> None:
    headers, body, _ = answer({"accept": "*/*", "if-none-match": "old"})
    assert body == PAGE
    assert headers[b"etag"] == b"old"
