"""Run many jobs: here, on this machine's cores, or on a Dask cluster.

What this module guarantees:

* A job is a function of its arguments alone, so any number of workers gives the same.
* Ctrl-C lets the jobs that run come to their end, starts no more, and is then raised;
  what is finished was given before. A second one ends at once.
* Processes end with the program that started them, however that ends.
* What all jobs have in common is sent to each worker once.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from cosignal.protocol.errors import CosignalError, UsageError
from cosignal.simulator.experiments import cluster
from cosignal.simulator.experiments.jobs import Setting, own_parts
from cosignal.simulator.experiments.own_code import name_of

_Setting = TypeVar("_Setting")
_Outcome = TypeVar("_Outcome")

#: A number, "auto" for all cores, "dask" for a cluster on this machine, or the address
#: of a Dask scheduler, such as "tcp://10.0.0.1:8786".
Workers = int | str
Values = Mapping[str, Any]
#: Runs a batch of jobs: index and outcome of each, in any order.
Submit = Callable[[Sequence[Values]], Generator[tuple[int, _Outcome], None, None]]

_DASK: Final = "dask"


def run_jobs(
    run: Callable[[_Setting, Values], _Outcome],
    setting: _Setting,
    jobs: Sequence[Values],
    *,
    workers: Workers = "auto",
) -> Generator[tuple[int, _Outcome], None, None]:
    """Run all jobs and give each outcome as soon as it is there.

    Args:
        run: What a job does; a function of a module, so that processes find it.
        setting: What all jobs have in common.
        jobs: What each is given.
        workers: A number, "auto", "dask", or the address of a Dask scheduler.

    Yields:
        Index of a job, and its outcome; in any order.

    Raises:
        UsageError: The workers cannot be had.
        CosignalError: A worker process was killed, or could not start.
        KeyboardInterrupt: After the jobs that ran have been given.
    """
    with kept_workers(run, setting, len(jobs), workers=workers) as submit:
        yield from submit(jobs)


def take_all(
    runs: Generator[tuple[int, _Outcome], None, None],
    take: Callable[[int, _Outcome], None],
) -> None:
    """Take what jobs give, after Ctrl-C too, as long as there is something.

    Args:
        runs: Of `run_jobs`, or of a batch of `kept_workers`.
        take: Called with index and outcome of each.

    Raises:
        KeyboardInterrupt: After the jobs that ran have been taken.
    """
    try:
        for index, outcome in runs:
            take(index, outcome)
    except KeyboardInterrupt as stop:
        # It may have come while an outcome was taken, where `runs` does not see it.
        with suppress(KeyboardInterrupt):
            take(*runs.throw(stop))
            for index, outcome in runs:
                take(index, outcome)
        raise


@contextmanager
def kept_workers(
    run: Callable[[_Setting, Values], _Outcome],
    setting: _Setting,
    jobs: int,
    *,
    workers: Workers,
) -> Iterator[Submit[_Outcome]]:
    """Keep processes, or a cluster, for several batches, since each takes seconds.

    Args:
        run: As for `run_jobs`.
        setting: As for `run_jobs`.
        jobs: At most so many at once.
        workers: As for `run_jobs`.

    Yields:
        A function that runs a batch of jobs, and gives what `run_jobs` gives.
    """
    if isinstance(workers, str) and workers != "auto":
        with (
            cluster.connected(_address(workers), lambda: _main_for(setting)) as client,
            cluster.shared(client, run, setting) as submit,
        ):
            yield submit
        return
    number = _number(workers, jobs)
    if number <= 1:
        yield partial(_here, run, setting)
        return
    with _patient(_processes(run, setting, number)) as pool:
        yield partial(_submitted, pool, setting)


def _here(
    run: Callable[[_Setting, Values], _Outcome],
    setting: _Setting,
    jobs: Sequence[Values],
) -> Generator[tuple[int, _Outcome], None, None]:
    for index, values in enumerate(jobs):
        yield index, run(setting, values)


def _number(workers: Workers, jobs: int) -> int:
    cores = _cores() if workers == "auto" else workers
    if isinstance(cores, bool) or not isinstance(cores, int) or cores < 1:
        raise UsageError(
            f"workers: expected 1 or more, auto, dask or an address, got {workers!r}"
        )
    return min(cores, jobs)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _address(workers: str) -> str | None:
    if workers == _DASK:
        return None
    if "://" not in workers:
        raise UsageError(
            f"workers: expected a number, auto, dask or an address, got {workers!r}",
            advice="A scheduler's address looks like tcp://10.0.0.1:8786.",
        )
    return workers


def _from_main(setting: object) -> list[str]:
    """Names of the setting's classes that stand in the program's own file."""
    if not isinstance(setting, Setting):
        setting = getattr(setting, "setting", None)
    if setting is None:
        return []
    names = [name_of(item) for item in own_parts(setting)]
    return [name for name in names if name.startswith("__main__.")]


@contextmanager
def _main_for(setting: object) -> Iterator[None]:
    """Decide whether processes that start now load the program's own file.

    They need not, unless a class of it is sent to them; so that a program may start
    runs at its top level, or be typed into a notebook.

    Raises:
        UsageError: They need to, and there is no file.
    """
    main = sys.modules["__main__"]
    file, spec = getattr(main, "__file__", None), getattr(main, "__spec__", None)
    needed = _from_main(setting)
    if needed:
        if file is None or not Path(file).exists():
            raise UsageError(
                f"workers: expected {needed[0]} in a module of its own",
                advice="Save it in a file that can be imported, or use workers=1.",
            )
        yield
        return
    main.__file__ = main.__spec__ = None
    try:
        yield
    finally:
        main.__spec__ = spec
        main.__file__ = file
        if file is None:
            del main.__file__


@contextmanager
def _patient(pool: ProcessPoolExecutor) -> Iterator[ProcessPoolExecutor]:
    """End in order, whatever happens."""
    try:
        yield pool
    except BrokenProcessPool as error:
        raise CosignalError(
            "workers: expected processes that live, got one that was killed",
            advice="Either memory ran out: use fewer workers or agents; or the program "
            "has interventions of its own and starts runs at its top level: put the "
            'runs under if __name__ == "__main__".',
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _processes(
    run: Callable[[_Setting, Values], _Outcome], setting: _Setting, number: int
) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        number,
        # A fork would copy numba's threads in an unknown state.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(run, setting),
    )


def _submitted(
    pool: ProcessPoolExecutor, setting: object, jobs: Sequence[Values]
) -> Generator[tuple[int, Any], None, None]:
    with _main_for(setting):
        futures = {pool.submit(_work, job): index for index, job in enumerate(jobs)}
    given: set[int] = set()
    try:
        for future in as_completed(futures):
            given.add(futures[future])
            yield futures[future], future.result()
    except KeyboardInterrupt:
        pool.shutdown(wait=True, cancel_futures=True)
        for future, index in futures.items():
            if index not in given and not future.cancelled():
                yield index, future.result()
        raise


#: In a worker process: what `_begin` was given.
_begun: list[Any] = []


def _begin(run: Callable[..., object], setting: object) -> None:
    # Ctrl-C reaches the whole group of processes; the first one decides for all.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _begun[:] = [run, setting]


def _end_with_parent() -> None:
    """Do not outlive a program that was killed: nobody would take what comes out."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(values: Values) -> Any:  # noqa: ANN401 - whatever the job gives
    run, setting = _begun
    return run(setting, values)
