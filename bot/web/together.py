"""What comes while others are written goes into the database with them: a wait for the disk each would be too many."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from anyio import CapacityLimiter, to_thread

from bot.database import is_away

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_MOST = 50


class Together(Generic[_Item, _Result]):
    """Hands items over to a function in batches, in their order and from one thread at a time.

    ``write`` writes all of a batch or nothing of it, and returns what came of each.
    """

    def __init__(self, write: Callable[[Sequence[_Item]], Sequence[_Result]]) -> None:
        self._write = write
        self._waiting: list[tuple[_Item, asyncio.Future[_Result]]] = []
        self._worker: asyncio.Task[None] | None = None
        self._thread = CapacityLimiter(1)

    async def add(self, item: _Item) -> _Result:
        """Return once it is written, with what came of it; raises what ``write`` raises because of it."""
        written: asyncio.Future[_Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, written))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._write_all())
        return await written

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            await self._write_batch(batch)

    async def _write_batch(self, batch: Sequence[tuple[_Item, asyncio.Future[_Result]]]) -> None:
        items = [item for item, _ in batch]
        try:
            results = await to_thread.run_sync(self._write, items, limiter=self._thread)
        except Exception as error:
            if len(batch) > 1 and not is_away(error):
                # One that cannot be written does not keep the others out.
                for one in batch:
                    await self._write_batch([one])
                return
            for _, written in batch:
                if not written.done():
                    written.set_exception(error)
        else:
            for (_, written), result in zip(batch, results, strict=True):
                if not written.done():
                    written.set_result(result)
