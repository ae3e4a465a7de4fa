"""A local server that speaks enough of Twilio's HTTP API for the official client, and signs its webhooks."""

import asyncio
import base64
import secrets
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import aiohttp
from aiohttp import web
from twilio.request_validator import RequestValidator

from messages.smart_encoding import SMART_ENCODING

SID, TOKEN = "AC" + "0" * 32, "test-token-of-nobody"
SERVICE = "MG" + "0" * 32

# What the server does with one request to make a message: None is to accept it.
Fault = Callable[["FakeTwilio", web.Request, dict[str, str]], Awaitable[web.StreamResponse | None]]


@dataclass
class FakeTwilio:
    """What the server was asked to send, and how it shall behave."""

    delay_s: float = 0.0
    callbacks: bool = False
    fault: Fault | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    blocked: set[str] = field(default_factory=set)
    requests: int = 0
    url: str = ""
    callback_codes: Counter[int] = field(default_factory=Counter)
    callbacks_lost: int = 0
    # Other addresses of Twilio's and what they answer.
    pages: dict[str, Any] = field(default_factory=dict)

    @property
    def texts(self) -> Counter[tuple[str, str]]:
        """How often each text went to each number."""
        return Counter((message["to"], message["body"]) for message in self.messages)

    def accept(self, form: dict[str, str]) -> dict[str, Any]:
        """Take a message as Twilio would."""
        message = {
            "sid": "SM" + secrets.token_hex(16),
            "account_sid": SID,
            "to": form["To"],
            "from": form.get("From"),
            "messaging_service_sid": form.get("MessagingServiceSid"),
            # A Messaging Service replaces characters unless it is told not to.
            "body": form["Body"] if form.get("SmartEncoded") == "false" else form["Body"].translate(SMART_ENCODING),
            "status": "accepted",
            "date_created": format_datetime(datetime.now(UTC)),
            "date_sent": format_datetime(datetime.now(UTC)),
            "error_code": None,
            "num_segments": "0",
            "direction": "outbound-api",
        }
        self.messages.append(message)
        return message


@contextmanager
def serve_twilio(**behaviour: Any) -> Iterator[FakeTwilio]:
    """Run the server on a free port of the loopback address, in a thread of its own."""
    fake = FakeTwilio(**behaviour)
    started, loop = threading.Event(), asyncio.new_event_loop()
    thread = threading.Thread(target=_run, args=(loop, fake, started), daemon=True)
    thread.start()
    if not started.wait(10):
        raise TimeoutError("the fake server did not start")
    try:
        yield fake
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def _run(loop: asyncio.AbstractEventLoop, fake: FakeTwilio, started: threading.Event) -> None:
    asyncio.set_event_loop(loop)
    runner = loop.run_until_complete(_start(fake))
    started.set()
    loop.run_forever()
    pending = asyncio.all_tasks(loop)
    for task in pending:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
    loop.run_until_complete(runner.cleanup())
    loop.close()


async def _start(fake: FakeTwilio) -> web.AppRunner:
    app = web.Application()
    messages = f"/2010-04-01/Accounts/{SID}/Messages.json"
    tasks: set[asyncio.Task[None]] = set()

    async def create(request: web.Request) -> web.StreamResponse:
        form = {key: str(value) for key, value in (await request.post()).items()}
        fake.requests += 1
        if not _is_authorised(request):
            return _refuse(401, 20003, "Authenticate")
        if code := _find_invalid(fake, form):
            return _refuse(400, code, "invalid")
        await asyncio.sleep(fake.delay_s)
        if fake.fault is not None and (answer := await fake.fault(fake, request, form)) is not None:
            return answer
        message = fake.accept(form)
        if fake.callbacks and form.get("StatusCallback"):
            task = asyncio.create_task(_call_back(fake, message, form["StatusCallback"]))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        return web.json_response(message, status=201)

    async def search(request: web.Request) -> web.Response:
        if not _is_authorised(request):
            return _refuse(401, 20003, "Authenticate")
        found = [message for message in fake.messages if message["to"] == request.query.get("To", message["to"])]
        page = {"messages": found[::-1], "page": 0, "page_size": 50, "next_page_uri": None, "uri": str(request.rel_url)}
        return web.json_response(page)

    async def fetch(request: web.Request) -> web.Response:
        if not _is_authorised(request):
            return _refuse(401, 20003, "Authenticate")
        found = [message for message in fake.messages if message["sid"] == request.match_info["sid"]]
        return web.json_response(found[0]) if found else _refuse(404, 20404, "not found")

    app.router.add_post(messages, create)
    app.router.add_get(messages, search)
    app.router.add_get(messages.replace(".json", "/{sid}.json"), fetch)
    for path, answer in fake.pages.items():
        app.router.add_get(path, _make_page(answer))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    return runner


def _make_page(answer: Any) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def page(_request: web.Request) -> web.Response:
        return web.json_response(answer)

    return page


def _find_invalid(fake: FakeTwilio, form: dict[str, str]) -> int | None:
    """The code with which Twilio refuses a message that it cannot send."""
    if not form.get("To"):
        return 21604
    if not form.get("Body"):
        return 21602
    if len(form["Body"]) > 1600:
        return 21617
    if not (form.get("From") or form.get("MessagingServiceSid")):
        return 21603
    if not 1 <= int(form.get("ValidityPeriod", "1")) <= 36_000:
        return 30045
    return 21610 if form["To"] in fake.blocked else None


def _is_authorised(request: web.Request) -> bool:
    wanted = base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
    return request.headers.get("Authorization") == f"Basic {wanted}"


def _refuse(status: int, code: int, message: str) -> web.Response:
    return web.json_response({"code": code, "message": message, "status": status}, status=status)


def refuse_with(status: int, code: int) -> Fault:
    """A fault that answers every message with an error of Twilio's."""

    async def fault(_fake: FakeTwilio, _request: web.Request, _form: dict[str, str]) -> web.Response:
        return _refuse(status, code, "refused")

    return fault


def sign(url: str, form: dict[str, str]) -> dict[str, str]:
    """The headers of a webhook that Twilio has signed."""
    return {"X-Twilio-Signature": RequestValidator(TOKEN).compute_signature(url, form)}


async def _call_back(fake: FakeTwilio, message: dict[str, Any], url: str) -> None:
    async with aiohttp.ClientSession() as session:
        for status in ("queued", "sent", "delivered"):
            form = {"MessageSid": message["sid"], "MessageStatus": status, "AccountSid": SID, "To": message["to"]}
            try:
                async with session.post(url, data=form, headers=sign(url, form)) as response:
                    fake.callback_codes[response.status] += 1
            except aiohttp.ClientError:
                fake.callbacks_lost += 1  # nobody listened: Twilio does not try again
