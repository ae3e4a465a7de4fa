"""Celery with Redis: one task with an ETA a reminder, Twilio's synchronous client, ten worker processes.

Run as ``with_celery.py URL REDIS FORMS DELAY`` to add the tasks; the worker is ``celery -A with_celery worker``.
"""

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from celery import Celery
from twilio.rest import Client

app = Celery("reminders", broker=os.environ["REDIS_URL"])
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True, timezone="UTC")
client = Client("AC" + "0" * 32, "test-token-of-nobody")
client.api.base_url = os.environ["PROVIDER_URL"]


@app.task(acks_late=True)
def send(to: str, body: str) -> None:
    client.messages.create(to=to, body=body, messaging_service_sid="MG" + "0" * 32)


if __name__ == "__main__":
    from with_celery import send as named

    when = datetime.now(UTC) + timedelta(seconds=float(sys.argv[2]))
    for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines():
        named.apply_async(json.loads(line), eta=when)
