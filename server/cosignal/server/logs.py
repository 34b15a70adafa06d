"""One JSON line an event, on standard error.

What this module guarantees:

* Events are past-tense names with counts, names of authorities, sizes and durations.
* No line holds an address, a key, a code, a token or a certificate: the caller never
  passes one (tests plant canaries), and request lines of the HTTP library are off.
* Exceptions are logged by kind and place, without local values.
"""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

# Libraries whose info lines would hold addresses or row values.
_QUIET = ("aiohttp.access", "aiohttp.server", "aiosqlite", "alembic", "sqlalchemy")


def configure(node: str = "", stream: TextIO | None = None) -> None:
    """Send every log line of this process to `stream` as JSON.

    Args:
        node: Name of the authority; on every line unless empty.
        stream: Where to; default standard error, as it is at the time of the line.
    """
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL)

    def name_node(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        if node:
            event.setdefault("node", node)
        return event

    structlog.configure(
        processors=[
            name_node,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _describe_error,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: structlog.PrintLogger(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> FilteringBoundLogger:
    """A logger whose lines carry the part of the node they come from.

    Args:
        name: For example `intake.publish`.

    Returns:
        A structlog logger.
    """
    logger: FilteringBoundLogger = structlog.get_logger(part=name)
    return logger


def _describe_error(
    _logger: WrappedLogger, _method: str, event: EventDict
) -> EventDict:
    """Replace an exception by its kind and place; its text may hold what it read."""
    error = event.pop("error", None)
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        if trace is not None:
            code = trace.tb_frame.f_code
            event["place"] = f"{code.co_filename}:{trace.tb_lineno} {code.co_name}"
    elif error is not None:
        event["error"] = error
    return event
