"""procrastinate on PostgreSQL: one job a reminder, Twilio's asynchronous client, 50 at a time.

Run as ``with_procrastinate.py plan FORMS DELAY`` to add the jobs, ``with_procrastinate.py run`` to send.
"""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from procrastinate import App, PsycopgConnector
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

app = App(connector=PsycopgConnector(conninfo=os.environ["PG_URL"], min_size=4, max_size=20))
clients: list[Client] = []


@app.task(name="send")
async def send(to: str, body: str) -> None:
    await clients[0].messages.create_async(to=to, body=body, messaging_service_sid="MG" + "0" * 32)


async def plan(forms: list[list[str]], when: datetime) -> None:
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        later = send.configure(schedule_at=when)
        await later.batch_defer_async(*({"to": to, "body": body} for to, body in forms))


async def run() -> None:
    client = Client("AC" + "0" * 32, "test-token-of-nobody", http_client=AsyncTwilioHttpClient(pool_connections=True))
    client.api.base_url = os.environ["PROVIDER_URL"]
    clients.append(client)
    async with app.open_async():
        await app.run_worker_async(concurrency=50, fetch_job_polling_interval=0.5)


if __name__ == "__main__":
    if sys.argv[1] == "plan":
        lines = Path(sys.argv[2]).read_text(encoding="utf-8").splitlines()
        when = datetime.now(UTC) + timedelta(seconds=float(sys.argv[3]))
        asyncio.run(plan([json.loads(line) for line in lines], when))
    else:
        asyncio.run(run())
