"""The yardstick of answering: a FastAPI route that only checks Twilio's signature. Run as ``bare_route.py PORT``."""

import sys
from urllib.parse import parse_qsl

import uvicorn
from fastapi import FastAPI, Request, Response
from twilio.request_validator import RequestValidator

app = FastAPI()
validator = RequestValidator("test-token-of-nobody")


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/twilio/inbound")
async def inbound(request: Request) -> Response:
    form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
    signature = request.headers.get("X-Twilio-Signature", "")
    if not validator.validate(f"http://127.0.0.1:{sys.argv[1]}/twilio/inbound", form, signature):
        return Response(status_code=403)
    return Response('<?xml version="1.0" encoding="UTF-8"?><Response/>', media_type="application/xml")


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", access_log=False)
