"""Run jobs on a Dask cluster: one on this machine, or one whose scheduler is named.

What this module guarantees:

* One client, and on this machine one cluster, serves all batches of an experiment; what
  all jobs have in common is sent once.
* Ctrl-C lets jobs that have begun come to their end, takes back all else, and is then
  raised.
"""

import asyncio
import logging
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

from cosignal.protocol.errors import CosignalError, UsageError

Batch = Callable[[Sequence[Mapping[str, Any]]], Generator[tuple[int, Any], None, None]]

#: What a worker of our own does before it begins.
_PATIENT: Final = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"


@contextmanager
def connected(
    address: str | None, starting: Callable[[], AbstractContextManager[None]]
) -> Iterator[Any]:
    """Connect to a scheduler, or start a cluster on this machine.

    Args:
        address: Of the scheduler; None for a cluster of its own.
        starting: Held while processes start.

    Yields:
        Dask's client.

    Raises:
        UsageError: Dask is not installed, or nobody answers.
    """
    try:
        from dask import distributed  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UsageError(
            "workers: expected Dask to be installed, got none",
            advice="pip install cosignal[cluster]",
        ) from error
    options: dict[str, Any] = {}
    if address is None:
        options = {
            "threads_per_worker": 1,
            # Nobody looks at its pages, and another program may have their port.
            "dashboard_address": None,
            "silence_logs": logging.ERROR,
            # Ctrl-C reaches the whole group of processes; the first one decides.
            "preload": [_PATIENT],
        }
    try:
        with starting():
            client = distributed.Client(address, **options)
    except (OSError, RuntimeError) as error:
        raise UsageError(
            f"workers: expected a Dask scheduler at {address or 'this machine'}, "
            f"got no answer",
            advice="Start one with: dask scheduler",
        ) from error
    with client:
        yield client


@contextmanager
def shared(client: Any, run: Callable[..., Any], setting: object) -> Iterator[Batch]:  # noqa: ANN401 - Dask's
    """Send what all jobs have in common.

    Args:
        client: Of `connected`.
        run: What a job does, given setting and values.
        setting: What all jobs have in common.

    Yields:
        A function that runs a batch of jobs: index and outcome of each, in any order.
    """
    sent = client.scatter(setting, broadcast=True, hash=False)
    yield lambda jobs: _batch(client, run, sent, jobs)


def _batch(
    client: Any,  # noqa: ANN401 - Dask's
    run: Callable[..., Any],
    sent: object,
    jobs: Sequence[Mapping[str, Any]],
) -> Generator[tuple[int, Any], None, None]:
    from dask import distributed  # noqa: PLC0415 - an extra

    futures = [client.submit(run, sent, job, pure=False) for job in jobs]
    places = {future.key: index for index, future in enumerate(futures)}
    given: set[int] = set()
    try:
        for future, outcome in distributed.as_completed(futures, with_results=True):
            given.add(places[future.key])
            yield places[future.key], outcome
    except KeyboardInterrupt:
        begun = {key for keys in client.processing().values() for key in keys}
        last = [
            index
            for index, future in enumerate(futures)
            if index not in given and (future.done() or future.key in begun)
        ]
        kept = given.union(last)
        client.cancel([f for index, f in enumerate(futures) if index not in kept])
        for index in last:
            yield index, futures[index].result()
        raise
    except (distributed.KilledWorker, asyncio.CancelledError) as error:
        raise CosignalError(
            "workers: expected workers that live, got some that were killed, or a "
            "scheduler that ended",
            advice="What is finished is kept in the folder, if one was given. Memory "
            "may have run out: use fewer workers on a machine, or fewer agents.",
        ) from error
