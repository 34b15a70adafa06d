"""The names under which parts of a running node find each other."""

from typing import TYPE_CHECKING

from aiohttp import web

from cosignal.server.clock import Clock, Entropy
from cosignal.server.config import Config
from cosignal.server.keyring import Keyring, Trust
from cosignal.server.storage.database import Database
from cosignal.server.storage.files import DurableFiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cosignal.server.api.routing import Route
    from cosignal.server.intake.intake import Intake
    from cosignal.server.ledger.ledger import Ledger
    from cosignal.server.metrics import Metrics

CONFIG = web.AppKey("config", Config)
CLOCK: web.AppKey[Clock] = web.AppKey("clock")
ENTROPY: web.AppKey[Entropy] = web.AppKey("entropy")
KEYRING = web.AppKey("keyring", Keyring)
TRUST = web.AppKey("trust", Trust)
DATABASE = web.AppKey("database", Database)
#: The public folder, `<data>/public`.
FILES = web.AppKey("files", DurableFiles)
LEDGER: "web.AppKey[Ledger]" = web.AppKey("ledger")
INTAKE: "web.AppKey[Intake]" = web.AppKey("intake")
ROUTES: "web.AppKey[Sequence[Route]]" = web.AppKey("routes")
METRICS: "web.AppKey[Metrics]" = web.AppKey("metrics")
