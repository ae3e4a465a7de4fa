"""``/healthz``: the process lives. ``/readyz``: it can do its work, or why not."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError

from bot.database import check_database
from bot.web.service import Used

router = APIRouter()


@router.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz")
def readyz(service: Used) -> JSONResponse:
    problems = []
    try:
        check_database(service.engine)
    except SQLAlchemyError:
        problems.append("the database does not answer")
    if service.sending.account_problem:
        problems.append(service.sending.account_problem)
    return JSONResponse({"ready": not problems, "problems": problems}, status_code=503 if problems else 200)
