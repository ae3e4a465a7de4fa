"""The writers of one process let through one at a time, in the order in which they came.

SQLite lets one write, too. But who waits there looks again and again, less often each time, and others who come later
slip in between: one in a hundred waits for seconds while the others wait for milliseconds.
"""

import threading
from collections import deque


class Turnstile:
    """For any number of threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._is_taken = False

    def enter(self, timeout_s: float) -> None:
        """Wait for this thread's turn; ``leave`` ends it.

        Raises:
            TimeoutError: it did not come in that time.
        """
        with self._guard:
            if not self._is_taken:
                self._is_taken = True
                return
            mine = threading.Event()
            self._waiting.append(mine)
        if mine.wait(timeout_s):
            return
        with self._guard:
            # It may have become our turn just now.
            if not mine.is_set():
                self._waiting.remove(mine)
                raise TimeoutError(f"not this thread's turn within {timeout_s:g} s")

    def leave(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._is_taken = False
