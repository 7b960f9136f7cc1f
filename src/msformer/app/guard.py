"""Who is answered: only the page that this start of the program gave out, on this machine, in small requests."""

from __future__ import annotations

import hmac
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 4 * 2**20
"""Bytes of a request; a lasso of a hundred thousand places has half of that."""
SAFE = frozenset({"GET", "HEAD"})
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


class Guard:
    """Refuses what does not come from the page, and says in every answer that it may talk to nobody else.

    Args:
        app: Who answers.
        token: Of this start.
        port: Where it listens.
    """

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self.app, self.token = app, token
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self.cookie = f"msformer-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return

        gives_cookie = False

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                if gives_cookie:
                    headers.append("Set-Cookie", f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict")
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await PlainTextResponse(refusal[1] + "\n", status_code=refusal[0])(scope, receive, guarded)
            return
        gives_cookie = scope["path"] == "/" and self._is_mine(_asked(scope))
        await self.app(scope, _Limited(receive), guarded)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Status and words for those who are not answered."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if host not in self.hosts:
            return 421, "the address of this page is the one that the program printed"
        origin = headers.get("origin")
        is_from_page = origin in {f"http://{one}" for one in self.hosts}
        if (origin is not None and not is_from_page) or (origin is None and scope["method"] not in SAFE):
            return 403, "requests must come from this program's own page"
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none") and scope["path"] != "/":
            return 403, "requests must come from this program's own page"
        is_opened = scope["path"] == "/" and self._is_mine(_asked(scope))  # with whatever cookie of an earlier start
        if not is_opened and not self._is_mine(self._given(headers)):
            return 401, "open the address that the program printed when it was started; it has a word that is needed"
        try:
            length = int(headers.get("content-length", "0"))
        except ValueError:
            return 400, "the length of a request must be a number"
        if length > LARGEST_BODY:
            return 413, f"a request must have at most {LARGEST_BODY} bytes; got {length}"
        return None

    def _given(self, headers: Headers) -> str:
        try:
            return str(cookie_parser(headers.get("cookie", "")).get(self.cookie, ""))
        except Exception:  # of other programs on this machine, in whatever form
            return ""

    def _is_mine(self, token: str) -> bool:
        return hmac.compare_digest(token.encode("utf-8", "replace"), self.token.encode())


class _Limited:
    """What comes, as long as it is not too much."""

    def __init__(self, receive: Receive) -> None:
        self.receive, self.size = receive, 0

    async def __call__(self) -> Message:
        message = await self.receive()
        self.size += len(message.get("body", b""))
        if self.size > LARGEST_BODY:
            raise HTTPException(413, f"a request must have at most {LARGEST_BODY} bytes; got more")
        return message


def _asked(scope: Scope) -> str:
    """The token in the address."""
    asked: str = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
    return asked
