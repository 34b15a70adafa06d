"""From what was heard and published to what a person is told.

What this module guarantees:

* Everything is computed from the phone's file and the chain it follows, by one
  configuration of that chain.
"""

from functools import partial

from cosignal.client.configurations import StandingConfiguration, configurations
from cosignal.client.phone import alerts, heard_keys
from cosignal.client.phone.assessment import Assessment, assess
from cosignal.client.phone.database import Database
from cosignal.client.phone.heard_keys import Place
from cosignal.client.store import Store


def weigh(
    database: Database, store: Store, by: StandingConfiguration, now: int
) -> Assessment:
    """Weigh everything that the phone encountered.

    Args:
        database: The phone's.
        store: What it follows.
        by: The configuration.
        now: Unix seconds.
    """
    heard = heard_keys.heard_keys(database, store)
    return assess(heard, partial(_is_revoked, store), by.record.parameters, now)


def renew_alerts(database: Database, store: Store, now: int) -> None:
    """Raise, renew and withdraw alerts by what is known now.

    Args:
        database: The phone's.
        store: What it follows.
        now: Unix seconds, not in doubt.
    """
    # A block that is still to be matched, as after starting over, weighs nothing yet,
    # and takes nothing back.
    matched = set(database.read("SELECT shard, block FROM matched_blocks"))
    live = {(item.shard, item.index) for item in store.blocks} & matched
    heard = heard_keys.heard_keys(database, store)
    alerts.update_alerts(
        database,
        configurations(store.state),
        lambda parameters: assess(heard, partial(_is_revoked, store), parameters, now),
        lambda place: (place.shard, place.index) in live,
        now,
    )


def _is_revoked(store: Store, place: Place) -> bool:
    return (place.issuer, place.commit) in store.state.revoked
