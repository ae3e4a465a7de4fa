"""How much of everything a run does. Slow peers get fewer texts: their rate does not depend on how many there are."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    pairs: int = 5
    texts: int = 10_000
    texts_slowly: int = 5_000
    peer_texts: int = 1_000
    held: int = 1_000_000
    peer_held: int = 5_000
    changes: int = 200
    rows: int = 20_000
    many_rows: int = 100_000
    webhooks: int = 2_000
    questions: int = 300
    backlog: int = 100_000
    texts_a_node: int = 4_000


QUICK = Sizes(
    pairs=2,
    texts=1_500,
    texts_slowly=800,
    peer_texts=200,
    held=50_000,
    peer_held=500,
    changes=50,
    rows=2_000,
    many_rows=8_000,
    webhooks=300,
    questions=60,
    backlog=5_000,
    texts_a_node=800,
)
