"""What every answer to a browser carries, and how large a request may be."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Nothing but our own files, no script in a page, no frame around it.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # A page's own address goes to our own pages alone.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
_LOCAL_NAMES = {"127.0.0.1", "localhost", "::1", "testserver"}
_MOST_BYTES = 256 * 1024
_MOST_UPLOAD_BYTES = 25 * 1024 * 1024


class Protect:
    """Adds the headers, and cuts a body off that is larger than any form of ours.

    The webhooks have their own limit, before anything is looked up. ``local``: only this machine's own browser is
    answered, since in the demo everybody is let in; no other site may post here, nor pose as this one.
    """

    def __init__(self, app: ASGIApp, *, https: bool, uploads: tuple[str, ...], local: bool) -> None:
        self._app, self._uploads, self._local = app, uploads, local
        self._headers = {**HEADERS, **({"Strict-Transport-Security": "max-age=31536000"} if https else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/twilio/"):
            await self._app(scope, receive, send)
            return
        trouble = _find_stranger(Headers(scope=scope)) if self._local else None
        if trouble is not None:
            await trouble(scope, receive, send)
            return
        most = _MOST_UPLOAD_BYTES if scope["path"] in self._uploads else _MOST_BYTES
        length = Headers(scope=scope).get("Content-Length", "0")
        if not length.isdecimal() or int(length) > most:
            await PlainTextResponse("too large\n", 413)(scope, receive, send)
            return
        taken = 0

        async def take() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                # Its headers said less: what follows is not read.
                return {"type": "http.disconnect"}
            return message

        async def give(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, take, give)


def _find_stranger(headers: Headers) -> PlainTextResponse | None:
    """The refusal of a request that does not come from a page of ours on this machine."""
    if (urlsplit(f"//{headers.get('Host', '')}").hostname or "") not in _LOCAL_NAMES:
        return PlainTextResponse("the demo answers on this machine only\n", 400)
    origin = headers.get("Origin")
    if origin and urlsplit(origin).netloc != headers.get("Host"):
        return PlainTextResponse("another site sent this\n", 403)
    return None
