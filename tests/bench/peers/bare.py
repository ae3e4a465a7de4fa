"""The yardstick: a bare aiohttp loop that posts the same forms, 50 at a time, and keeps nothing.

Run as ``bare.py URL FORMS``: FORMS has one JSON list of number and body a line. It prints the microseconds of a
processor that a text took.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import aiohttp

SID, TOKEN = "AC" + "0" * 32, "test-token-of-nobody"


async def main(url: str, forms: list[list[str]]) -> None:
    address = f"{url}/2010-04-01/Accounts/{SID}/Messages.json"
    waiting = iter(forms)
    headers = {"Authorization": aiohttp.encode_basic_auth(SID, TOKEN)}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers) as session:

        async def post_next() -> None:
            for to, body in waiting:
                form = {"To": to, "Body": body, "MessagingServiceSid": "MG" + "0" * 32, "StatusCallback": url}
                async with session.post(address, data=form) as response:
                    assert response.status == 201
                    await response.json()

        await asyncio.gather(*(post_next() for _ in range(50)))


if __name__ == "__main__":
    lines = Path(sys.argv[2]).read_text(encoding="utf-8").splitlines()
    began = time.process_time()
    asyncio.run(main(sys.argv[1], [json.loads(line) for line in lines]))
    print((time.process_time() - began) / len(lines) * 1e6)
