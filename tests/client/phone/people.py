"""Two people whose phones meet, and the network that tells one of the other."""

from collections.abc import Sequence
from pathlib import Path

from cosignal.client.phone.own_keys import give_out
from cosignal.client.phone.phone import Phone, PhoneSynced
from cosignal.client.phone.sighting_log import Heard
from cosignal.client.sources import Source
from cosignal.protocol.diagnosis_keys import DiagnosisKey
from cosignal.protocol.exposure.metadata import Metadata
from tests.network_in_memory import NetworkInMemory
from tests.strategies import NOW, counted_entropy

TX_POWER = -15
#: 60 dB of attenuation: near, by the default configuration.
NEAR_RSSI = TX_POWER - 60
SCAN_SECONDS = 240
#: Noon of the day three days before `NOW`.
THREE_DAYS_AGO = NOW // 86400 * 86400 - 3 * 86400 + 43_200


def phone(folder: Path, network: NetworkInMemory, name: str = "phone") -> Phone:
    """A phone whose file is `name` in a folder."""
    return Phone(
        folder / name, network.pinned, entropy=counted_entropy(f"phone {name}")
    )


def meet(
    speaker: Phone,
    listener: Phone,
    start: int,
    *,
    minutes: int = 30,
    rssi: int = NEAR_RSSI,
) -> None:
    """Let one phone hear the other for a while, scan by scan."""
    listener.hear([], start - SCAN_SECONDS)
    for now in range(start, start + minutes * 60, SCAN_SECONDS):
        on_air = speaker.broadcast(Metadata(TX_POWER), now)
        listener.hear([Heard(on_air.payload, rssi)], now)


def keys_of(who: Phone, now: int = NOW) -> list[DiagnosisKey]:
    """What a person uploads; those that have ended, as the authority publishes them."""
    return [
        key for key in give_out(who._database, 0, now) if key.end_interval <= now // 600
    ]


async def sync(
    who: Phone, network: NetworkInMemory, sources: Sequence[Source] | None = None
) -> PhoneSynced:
    """Sync at the network's own time."""
    return await who.sync(
        [network] if sources is None else sources, network.now, patience=5
    )


async def warn(speaker: Phone, listener: Phone, network: NetworkInMemory) -> None:
    """Let two meet, publish the keys of the one, and let the other one hear of it."""
    meet(speaker, listener, THREE_DAYS_AGO)
    network.block(keys_of(speaker))
    network.publish()
    await sync(listener, network)
