"""What can go wrong between us and the provider: switches for the fake server, one function a fault."""

import asyncio
from itertools import count

from aiohttp import web

from tests.fake_twilio import FakeTwilio, Fault


def _lose_connection(request: web.Request) -> web.Response:
    if request.transport is not None:  # the client may be gone itself
        request.transport.abort()
    return web.Response()


def _make(accepts: bool, answer: str, *, seconds: float = 0.0, retry_after: str = "") -> Fault:
    async def fault(fake: FakeTwilio, request: web.Request, form: dict[str, str]) -> web.StreamResponse:
        message = fake.accept(form) if accepts else None
        if answer == "reset":
            return _lose_connection(request)
        if answer == "hang":
            await asyncio.sleep(seconds)
            return _lose_connection(request)
        if answer == "drip":
            slow = web.StreamResponse(status=201, headers={"Content-Type": "application/json"})
            await slow.prepare(request)
            for _ in range(20):
                await slow.write(b" ")
                await asyncio.sleep(seconds / 20)
            return slow
        if answer == "busy":
            headers = {"Retry-After": retry_after} if retry_after else {}
            body = {"code": 20429, "message": "Too Many Requests", "status": 429}
            return web.json_response(body, status=429, headers=headers)
        if answer == "html":
            return web.Response(status=502, text="<html>Bad gateway</html>", content_type="text/html")
        if answer == "bad json":
            return web.Response(status=201, text='{"sid": "SM', content_type="application/json")
        if answer == "no sid":
            return web.json_response({"status": "queued"}, status=201)
        assert answer == "error 500", message
        return web.Response(status=500, text="oops")

    return fault


FAULTS: dict[str, Fault] = {
    "429": _make(False, "busy"),
    "429 with Retry-After": _make(False, "busy", retry_after="3"),
    "500 before accepting": _make(False, "error 500"),
    "500 after accepting": _make(True, "error 500"),
    "reset before accepting": _make(False, "reset"),
    "reset after accepting": _make(True, "reset"),
    "hang before accepting": _make(False, "hang", seconds=1.0),
    "hang after accepting": _make(True, "hang", seconds=1.0),
    "HTML 502": _make(False, "html"),
    "HTML 502 after accepting": _make(True, "html"),
    "slow body": _make(True, "drip", seconds=1.0),
    "201 with bad JSON": _make(True, "bad json"),
    "201 without an id": _make(True, "no sid"),
}


def now_and_then(faults: list[Fault], every: int = 3) -> Fault:
    """One of the faults, in turn, for each so-many-th request; the others are accepted."""
    numbers = count()

    async def fault(fake: FakeTwilio, request: web.Request, form: dict[str, str]) -> web.StreamResponse | None:
        number = next(numbers)
        if number % every:
            return None
        return await faults[number // every % len(faults)](fake, request, form)

    return fault
