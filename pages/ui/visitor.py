"""Who looks at a page: somebody who logged in, or else a browser, by a cookie that it gets with its first document.

A run belongs to the visitor who started it, so all tabs of a browser steer it, and so do all browsers of somebody who
logged in. Scripts cannot read the cookie.
"""

import secrets
from collections.abc import Sequence

import streamlit as st

from pages.ui.hosts import Message, Receive, Send, Served

Headers = Sequence[tuple[bytes, bytes]]

COOKIE = "sequence_tutor_visitor"
DAYS = 365
_OWN = "_visitor"  # the session's own, where the browser keeps no cookies


def visitor() -> str:
    """Return what this visitor is known by; secret unless it begins with "login", which nobody but the server says."""
    if subject := _subject():
        return f"login {subject}"
    own = st.context.cookies.get(COOKIE) or st.session_state.setdefault(_OWN, secrets.token_urlsafe(24))
    return f"browser {own}"


def logged_in() -> bool:
    """Return whether the visitor has logged in; never where no login is set up."""
    return bool(_subject())


def require_login() -> None:
    """Draw the way in, and nothing else of the page, where a login is set up and nobody has logged in."""
    if st.user.to_dict().get("is_logged_in") is False:  # Streamlit says nothing where no login is set up
        st.title("Sequence Tutor Studio", anchor=False)
        st.button("Log in", icon=":material/login:", type="primary", on_click=st.login)
        st.caption("A login that leads back to this page was refused; the server's log says why.")
        st.stop()


def logout_button() -> None:
    """Draw the way out for who has logged in."""
    if logged_in():
        st.button("Log out", icon=":material/logout:", type="tertiary", key="logout", on_click=st.logout)


def _subject() -> str:
    """Return the provider's name of who has logged in; empty for nobody. Email addresses and names may change hands."""
    user = st.user.to_dict()
    return f"{user.get('iss', '')} {user['sub']}" if user.get("is_logged_in") and user.get("sub") else ""


class Visitors:
    """An ASGI application that gives each browser its cookie, with the first document of another that it asks for.

    Whatever cookies the other sets over https are for https alone: Streamlit (1.67) does not say so of its login's.
    """

    def __init__(self, app: Served) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request as the other application does; who has no cookie gets one."""
        headers = dict(scope["headers"]) if scope["type"] == "http" else {}
        known = f"{COOKIE}=".encode() in headers.get(b"cookie", b"")
        is_new = not known and b"text/html" in headers.get(b"accept", b"")

        async def with_cookies(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered = _with_cookie(message["headers"]) if is_new else message["headers"]
                is_safe = scope.get("scheme") == "https"
                message = {**message, "headers": _for_https(answered) if is_safe else answered}
            await send(message)

        await self.app(scope, receive, with_cookies)


def _with_cookie(headers: Headers) -> Headers:
    """Return an answer's headers with a new visitor's cookie; Lax, so that links lead here known."""
    value = f"{COOKIE}={secrets.token_urlsafe(24)}; Path=/; Max-Age={DAYS * 86400}; HttpOnly; SameSite=Lax"
    # not to be kept by a proxy, which would make one visitor of many
    fresh = [(b"set-cookie", value.encode()), (b"cache-control", b"no-store")]
    return [*(each for each in headers if each[0].lower() != b"cache-control"), *fresh]


def _for_https(headers: Headers) -> Headers:
    """Return an answer's headers with each cookie marked as one that is sent over https alone."""
    return [
        (name, value + b"; Secure" if name.lower() == b"set-cookie" and b"; secure" not in value.lower() else value)
        for name, value in headers
    ]
