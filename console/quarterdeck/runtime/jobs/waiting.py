"""Who waits for the end of which job; a job that waits for another leaves its place to it."""

import asyncio
from collections import Counter

from quarterdeck_api.protocol import JobRecord


class JobWaiting:
    """Waits for ends of jobs, on the runtime's loop."""

    def __init__(self) -> None:
        self._ends: dict[int, list[asyncio.Future[None]]] = {}
        self._waiting: Counter[int] = Counter()

    @property
    def jobs(self) -> int:
        """How many jobs wait for another one."""
        return len(self._waiting)

    def waits(self, job: int) -> bool:
        """Whether a job waits for another one."""
        return job in self._waiting

    def begin(self, job: int, waiter: int) -> asyncio.Future[None]:
        """What is done when `ended` was told of the job; `waiter` is the job that waits meanwhile, 0 for anybody else."""
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ends.setdefault(job, []).append(end)
        if waiter:
            self._waiting[waiter] += 1
        return end

    def leave(self, job: int, waiter: int, end: asyncio.Future[None]) -> None:
        """Nobody waits for it any more."""
        if waiter:
            self._waiting[waiter] -= 1
            self._waiting += Counter()  # Forgets whoever waits for nothing any more.
        if end in (ends := self._ends.get(job, [])):
            ends.remove(end)
            if not ends:
                del self._ends[job]

    def ended(self, record: JobRecord) -> None:
        """A job has ended, or was only changed, which is of no interest."""
        if record.state.final:
            for end in self._ends.pop(record.job, ()):
                if not end.done():
                    end.set_result(None)
