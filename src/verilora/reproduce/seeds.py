"""Several runs, side by side where there are cores for them, each in a process of its own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import IO, Any

from verilora import errors
from verilora.errors import TrainingError, VeriloraError
from verilora.records.events import Event, from_line, to_event
from verilora.records.failure import Failure
from verilora.records.run import Run
from verilora.reproduce.attempt import Job, attempt
from verilora.reproduce.results import FAILED, read_failure
from verilora.reproduce.worker import ENDED, REFUSED, job_line
from verilora.train.directory import RunDirectory

Hear = Callable[[str, Event], Any]
"""Called with a job's name and each of its events, by one thread at a time."""


def run_jobs(
    jobs: Sequence[Job],
    *,
    workers: int = 1,
    listen: Hear | None = None,
) -> dict[str, Run | Failure]:
    """Makes every run, `workers` at a time; name -> its record or its failure, in their order.

    What is finished already is taken as it is, what was begun goes on. One worker runs in this
    process. Set `training.threads` in the recipes so that workers · threads are the cores at hand.
    Raises the error of the first attempt that cannot be made, when the others have been stopped;
    what they have done is kept.
    """
    if workers < 1:
        raise ValueError(f"workers is {workers}; 1 or more is wanted")
    if workers == 1 or len(jobs) < 2:
        return {job.name: attempt(job, listen=_of(job, listen)) for job in jobs}
    return _Pool(workers, _locked(listen)).run(jobs)


class _Pool:
    """The processes that are running now."""

    def __init__(self, workers: int, listen: Hear | None) -> None:
        self._workers, self._listen = workers, listen
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False
        self._lock = threading.Lock()

    def run(self, jobs: Sequence[Job]) -> dict[str, Run | Failure]:
        with ThreadPoolExecutor(self._workers) as threads:
            futures = {job.name: threads.submit(self._run_one, job) for job in jobs}
            try:
                wait(futures.values(), return_when=FIRST_EXCEPTION)
                _raise_first(futures.values())
            finally:
                self._stop()
                threads.shutdown(cancel_futures=True)
        return {name: future.result() for name, future in futures.items()}

    def _run_one(self, job: Job) -> Run | Failure:
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
            with self._started(complaints) as process:
                last = self._follow(process, job)
            if last.get("event") == REFUSED:
                kind = getattr(errors, last["error"], VeriloraError)
                raise _made(kind, last["message"])
            if last.get("event") != ENDED:
                raise _broken(job, process.returncode, complaints=complaints)
        return _result(job)

    @contextlib.contextmanager
    def _started(self, complaints: IO[str]) -> Iterator[subprocess.Popen[str]]:
        command = [sys.executable, "-m", "verilora.reproduce.worker"]
        pipe: Any = subprocess.PIPE
        with self._lock:
            if self._stopped:
                raise TrainingError("stopped before it began; the same command goes on")
            process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=complaints, text=True, encoding="utf-8"
            )
            self._running.add(process)
        try:
            with process:
                yield process
        finally:
            with self._lock:
                self._running.discard(process)

    def _follow(self, process: subprocess.Popen[str], job: Job) -> dict[str, Any]:
        """Hands on the events of a process; its last line."""
        assert process.stdin is not None and process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it died at once; its complaints say why
            process.stdin.write(job_line(job))
            process.stdin.close()
        last: dict[str, Any] = {}
        for line in process.stdout:
            last = from_line(line)
            if self._listen is not None and last["event"] not in (ENDED, REFUSED):
                self._listen(job.name, to_event(last))
        return last

    def _stop(self) -> None:
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.terminate()


def _raise_first(futures: Any) -> None:
    done: list[Future[Any]] = [future for future in futures if future.done()]
    for future in done:
        error = future.exception()
        if error is not None:
            raise error


def _made(kind: type[VeriloraError], message: str) -> VeriloraError:
    error = kind.__new__(kind, message)
    error.facts = {}
    return error


def _broken(job: Job, status: int, *, complaints: IO[str]) -> TrainingError:
    complaints.seek(0)
    lines = complaints.read().strip().splitlines()[-3:]
    how = f"by signal {-status} (too little memory?)" if status < 0 else f"with status {status}"
    told = "".join(f"\n  {line}" for line in lines)
    return TrainingError(
        f"the process of '{job.name}' ended {how} before its run did; what it had done up to its "
        f"last checkpoint is kept, and the same command goes on{told}"
    )


def _result(job: Job) -> Run | Failure:
    found = read_failure(job.out / FAILED) or RunDirectory(Path(job.out)).finished()
    if found is None:
        raise TrainingError(f"{job.out} lost its run.json while the run ended; run it again")
    return found


def _of(job: Job, listen: Hear | None) -> Callable[[Event], None] | None:
    return None if listen is None else lambda event: listen(job.name, event)


def _locked(listen: Hear | None) -> Hear | None:
    if listen is None:
        return None
    lock = threading.Lock()

    def hear(name: str, event: Event) -> None:
        with lock:
            listen(name, event)

    return hear
