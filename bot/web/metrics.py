"""The figures of ``bot/measures.py`` as Prometheus reads them."""

from collections.abc import Iterable
from datetime import datetime

from prometheus_client import CollectorRegistry, Gauge
from sqlmodel import Session

from bot.arriving import count_kept
from bot.measures import measure


def make_registry(session: Session, spooled: int, now: datetime) -> CollectorRegistry:
    """All figures at this moment. Those of texts count the last seven days."""
    registry = CollectorRegistry()
    found = measure(session, now)

    def show(name: str, what: str, labels: Iterable[str], values: Iterable[tuple[tuple[str, ...], float]]) -> None:
        gauge = Gauge(f"reminders_{name}", what, list(labels), registry=registry)
        for names, value in values:
            (gauge.labels(*names) if names else gauge).set(value)

    of = [((one.language, one.kind), one) for one in found.reached]
    by = ("language", "kind")
    show("gone_out", "Texts handed to the provider", by, ((key, one.gone_out) for key, one in of))
    show("delivered", "Texts that arrived", by, ((key, one.delivered) for key, one in of))
    show("failed", "Texts that will not arrive", by, ((key, one.failed) for key, one in of))
    show(
        "delivered_share",
        "Of the texts that left or failed, the share that arrived",
        by,
        ((key, one.delivered / most) for key, one in of if (most := one.gone_out + one.failed)),
    )
    show("late_seconds_sum", "From due to sent, in all", by, ((key, one.late_s) for key, one in of))
    show("delivery_seconds_sum", "From sent to delivered, in all", by, ((key, one.delivery_s) for key, one in of))
    show(
        "errors",
        "Texts with an error of the provider or the carrier",
        ("language", "code"),
        (((language, str(code)), count) for (language, code), count in found.failures.items()),
    )
    show(
        "texts",
        "Texts in each state: all that wait, and of the rest those of the last week",
        ("state",),
        (((state,), count) for state, count in found.states.items()),
    )
    show("open_tasks", "Open tasks of staff", ("kind",), (((kind,), count) for kind, count in found.open_tasks.items()))
    for name, what, value in (
        ("due_now", "Texts that should be on their way", found.due_now),
        ("resent_in_doubt", "Texts sent again although the first may have arrived", found.resent_in_doubt),
        ("nodes", "Processes that send", found.nodes),
        ("paused", "1 while reminders are paused", found.is_paused),
        ("circuit_open", "1 while the account cannot send", found.is_circuit_open),
        ("kept", "Texts from patients that wait to be understood", count_kept(session.connection(), now)),
        ("spooled", "Texts from patients that wait on disk to be taken in", spooled),
    ):
        show(name, what, (), [((), value)])
    return registry
