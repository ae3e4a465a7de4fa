"""The demo's pages: the appointments with their texts, and the simulated phone."""

from fastapi import APIRouter

router = APIRouter()
