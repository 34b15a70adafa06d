"""Run many jobs: here, on this machine's cores, or on a Dask cluster.

What this module guarantees:

* A job is a function of its arguments alone, so any number of workers gives the same.
* Ctrl-C lets the jobs that run come to their end, starts no more, and is then raised;
  what is finished was given before. A second one ends at once.
* What all jobs have in common is sent to each worker once.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from cosignal.protocol.errors import CosignalError, UsageError
from cosignal.simulator.experiments.jobs import Setting, own_parts
from cosignal.simulator.experiments.own_code import name_of

_Setting = TypeVar("_Setting")
_Outcome = TypeVar("_Outcome")

#: A number, "auto" for all cores, "dask" for a cluster on this machine, or the address
#: of a Dask scheduler, such as "tcp://10.0.0.1:8786".
Workers = int | str
Values = Mapping[str, Any]

_DASK: Final = "dask"


def run_jobs(
    run: Callable[[_Setting, Values], _Outcome],
    setting: _Setting,
    jobs: Sequence[Values],
    *,
    workers: Workers = "auto",
    pool: ProcessPoolExecutor | None = None,
) -> Iterator[tuple[int, _Outcome]]:
    """Run all jobs and give each outcome as soon as it is there.

    Args:
        run: What a job does; a function of a module, so that processes find it.
        setting: What all jobs have in common.
        jobs: What each is given.
        workers: A number, "auto", "dask", or the address of a Dask scheduler.
        pool: Of `kept_workers` for the same run and setting, if there are more jobs to
            come.

    Yields:
        Index of a job, and its outcome; in any order.

    Raises:
        UsageError: The workers cannot be had.
        CosignalError: A worker process was killed, or could not start.
        KeyboardInterrupt: After the jobs that ran have been given.
    """
    if pool is not None:
        yield from _submitted(pool, setting, jobs)
        return
    if isinstance(workers, str) and workers != "auto":
        yield from _on_dask(run, setting, jobs, _address(workers))
        return
    number = _number(workers, len(jobs))
    if number <= 1:
        for index, values in enumerate(jobs):
            yield index, run(setting, values)
        return
    with _patient(_processes(run, setting, number)) as own:
        yield from _submitted(own, setting, jobs)


@contextmanager
def kept_workers(
    run: Callable[[_Setting, Values], _Outcome],
    setting: _Setting,
    jobs: int,
    *,
    workers: Workers,
) -> Iterator[ProcessPoolExecutor | None]:
    """Keep processes for several calls of `run_jobs`, since each takes a second.

    Args:
        run: As for `run_jobs`.
        setting: As for `run_jobs`.
        jobs: At most so many at once.
        workers: As for `run_jobs`.

    Yields:
        The pool; None where there are no processes to keep.
    """
    on_dask = isinstance(workers, str) and workers != "auto"
    number = 1 if on_dask else _number(workers, jobs)
    if number <= 1:
        yield None
        return
    with _patient(_processes(run, setting, number)) as pool:
        yield pool


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
) -> Iterator[tuple[int, Any]]:
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
    _begun[:] = [run, setting]


def _work(values: Values) -> Any:  # noqa: ANN401 - whatever the job gives
    run, setting = _begun
    return run(setting, values)


def _on_dask(
    run: Callable[[_Setting, Values], _Outcome],
    setting: _Setting,
    jobs: Sequence[Values],
    address: str | None,
) -> Iterator[tuple[int, _Outcome]]:
    try:
        from dask import distributed  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UsageError(
            "workers: expected Dask to be installed, got none",
            advice="pip install cosignal[cluster]",
        ) from error
    try:
        with _main_for(setting):
            client = distributed.Client(
                address, **({} if address else {"threads_per_worker": 1})
            )
    except (OSError, RuntimeError) as error:
        raise UsageError(
            f"workers: expected a Dask scheduler at {address or 'this machine'}, "
            f"got {type(error).__name__}",
            advice="Start one with: dask scheduler",
        ) from error
    with client:
        shared = client.scatter(setting, broadcast=True, hash=False)
        futures = [client.submit(run, shared, job, pure=False) for job in jobs]
        places = {future.key: index for index, future in enumerate(futures)}
        for future, outcome in distributed.as_completed(futures, with_results=True):
            yield places[future.key], outcome
