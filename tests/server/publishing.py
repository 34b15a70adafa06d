"""What tests of the upload desk have in common."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cosignal.protocol.diagnosis_keys import DiagnosisKey, Infectiousness, ReportType
from cosignal.server.storage.tables import pending_keys
from cosignal.server.storage.uploads import (
    mark_certified,
    remember_keys,
)
from tests.server.desk import Answer, Desk, Upload

Entropy = Callable[[int], bytes]
HOUR = 3600


async def pending(desk: Desk) -> int:
    async with desk.database.read() as connection:
        query = select(func.count()).select_from(pending_keys)
        return int((await connection.execute(query)).scalar_one())


async def releasable(desk: Desk, now: int | None = None) -> list[DiagnosisKey]:
    columns = pending_keys.c
    query = select(pending_keys).where(columns.release_at <= (now or desk.clock.now))
    async with desk.database.read() as connection:
        rows = (await connection.execute(query)).all()
    return [
        DiagnosisKey(
            row.key,
            row.start,
            row.period,
            ReportType(row.report_type),
            Infectiousness(row.infectiousness),
            row.onset,
        )
        for row in rows
    ]


def changed(upload: Upload, number: int, **fields: Any) -> Upload:  # noqa: ANN401
    keys = list(upload.keys)
    keys[number] = replace(keys[number], **fields)
    return replace(upload, keys=tuple(keys))


async def publish_new(
    desk: Desk,
    upload: Upload,
    **fields: object,
) -> Answer:
    return await desk.publish(await desk.certified(upload), **fields)


async def move_to_chain(desk: Desk) -> None:
    commit = bytes(32)
    keys = [key.data for key in await releasable(desk)]

    async def job(connection: AsyncConnection) -> None:
        await connection.execute(update(pending_keys).values(sealed_in=commit))
        await remember_keys(connection, keys, desk.clock.now + 86_400)
        await mark_certified(connection, commit)

    await desk.database.write(job)
