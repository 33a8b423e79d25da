"""Answers that leave the server at once.

Streamlit (1.67) binds its socket without naming TCP as the protocol, so asyncio does not recognise the connections and
leaves Nagle's algorithm on (uvicorn's issue 3149): whatever follows the first packet of an answer waits until the other
side confirms that, which it puts off for 40 ms. A page is some hundred files and messages.
"""

import socket

from pages.ui.hosts import Message, Receive, Send, Served


class Undelayed:
    """An ASGI application around another that must be the outermost: it looks at the server's own connections."""

    def __init__(self, app: Served) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        transport = getattr(getattr(send, "__self__", None), "transport", None)  # of uvicorn's protocols
        connection = transport and transport.get_extra_info("socket")
        if connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await self.app(scope, receive, send)
