"""What operators and developers look at: health, figures, the API's description."""

import asyncio
import shutil

import msgspec
from aiohttp import web
from sqlalchemy import select

from cosignal.server import app_keys
from cosignal.server.api.openapi import describe
from cosignal.server.api.routing import JSON, TEXT, Reply, Route, json_response
from cosignal.server.app_keys import CONFIG, DATABASE, LEDGER, METRICS
from cosignal.server.ledger.status import LedgerStatus
from cosignal.server.storage.tables import meta

#: Less free space than this on the data folder's disk is a problem, bytes.
LEAST_FREE_BYTES = 256 * 1024 * 1024


class HealthProblem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong."""

    #: `ledger`, `database` or `disk`.
    part: str
    #: What is wrong.
    detail: str
    #: What to do.
    advice: str


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How the node is."""

    #: `ok`, or `failing` when there is a problem.
    status: str
    #: The authority.
    node: str
    #: The network.
    network: str
    #: Everything that is wrong.
    problems: tuple[HealthProblem, ...]


async def healthz(request: web.Request) -> web.Response:
    """Say what is wrong, if anything."""
    node = request.app[CONFIG].node
    problems = (
        *_ledger_problems(request.app),
        *await _database_problems(request.app),
        *await _disk_problems(request.app),
    )
    health = Health(
        status="failing" if problems else "ok",
        node=node.name,
        network=node.network,
        problems=problems,
    )
    response = json_response(health, status=503 if problems else 200)
    response.headers["Cache-Control"] = "no-store"
    return response


async def metrics(request: web.Request) -> web.Response:
    """Show the figures in Prometheus' text format."""
    status = request.app[LEDGER].status()
    body = request.app[METRICS].render(_ledger_figures(status))
    return web.Response(body=body, content_type=TEXT, charset="utf-8")


async def openapi(request: web.Request) -> web.Response:
    """Describe every route."""
    return json_response(
        describe(request.app[app_keys.ROUTES], request.app[CONFIG].node.url)
    )


def _ledger_figures(status: LedgerStatus) -> dict[str, float]:
    """The ledger's numbers for `/metrics`; what it does not know is left out."""
    values = msgspec.structs.asdict(status)
    figures: dict[str, float] = {
        name: value for name, value in values.items() if isinstance(value, int)
    }
    figures["problems"] = len(status.problems)
    return figures


def _ledger_problems(app: web.Application) -> tuple[HealthProblem, ...]:
    status = app[LEDGER].status()
    return tuple(
        HealthProblem(part="ledger", detail=detail, advice=advice)
        for detail, advice in status.problems
    )


async def _database_problems(app: web.Application) -> tuple[HealthProblem, ...]:
    try:
        async with app[DATABASE].read() as connection:
            await connection.execute(select(meta.c.value))
    except Exception as error:  # noqa: BLE001 - every kind of failure is the answer
        return (
            HealthProblem(
                part="database",
                detail=f"expected to read the database, got {type(error).__name__}",
                advice="Look at the disk and the log; restart the node.",
            ),
        )
    return ()


async def _disk_problems(app: web.Application) -> tuple[HealthProblem, ...]:
    usage = await asyncio.to_thread(shutil.disk_usage, app[CONFIG].node.data)
    if usage.free >= LEAST_FREE_BYTES:
        return ()
    return (
        HealthProblem(
            part="disk",
            detail=f"expected {LEAST_FREE_BYTES} free bytes, got {usage.free}",
            advice="Free space on the disk of node.data; uploads fail when it is full.",
        ),
    )


ROUTES = (
    Route(
        "GET",
        "/healthz",
        healthz,
        "Say what is wrong with the node, if anything.",
        {
            200: Reply("nothing is wrong", Health),
            503: Reply("something is wrong", Health),
        },
    ),
    Route(
        "GET",
        "/metrics",
        metrics,
        "Figures in Prometheus' text format.",
        {200: Reply("all figures", media=TEXT)},
    ),
    Route(
        "GET",
        "/openapi.json",
        openapi,
        "This description.",
        {200: Reply("an OpenAPI 3.1 document", media=JSON)},
    ),
)
