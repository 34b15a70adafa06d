"""What a phone makes of a contact: attenuation, weighted minutes, whether it counts.

What this module guarantees:

* A phone sees the contact that transmits: its hours and metres are those of `contacts`.
* Attenuation, and whether the two phones hear each other at all, are the same for both,
  and functions of day, pair and layer.
* More detection, lower `alert_minutes` or a lighter threshold lets every contact count
  that counted before.

Attenuation is `reference_loss` + 10 n log10(distance) + a normal deviation: the
log-distance path loss model with shadowing (Rappaport, Wireless Communications, 4.9).
Buckets and weights are those of Exposure Notification, DailySummariesConfig.
"""

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import uint64

from cosignal.simulator.compiled import inlined, kernel
from cosignal.simulator.contacts.attributes import contact_hours, contact_metres
from cosignal.simulator.contacts.days import DayContacts
from cosignal.simulator.interventions.draws import keys_of_day
from cosignal.simulator.parameters.app import AppParameters
from cosignal.simulator.streams import pair_uniform, uniform

if TYPE_CHECKING:
    from cosignal.simulator.simulation import Sim

#: Nobody is nearer; keeps the logarithm finite.
_NEAREST: Final = 0.01
_LAYER_SALT: Final = 0x8CB92BA72F3D8DD7
_SHADOW_SALT: Final = 0xDB4F0B9175AE2165
_MINUTES: Final = 60.0


class Radio(NamedTuple):
    """What of the app's parameters the kernels need.

    Attributes:
        detection: Probability that two phones hear each other.
        off: Probability that a phone is off for a day.
        reference_loss: Attenuation at 1 m, dB.
        loss_exponent: n of 10 n log10(d).
        loss_spread: Standard deviation, dB.
        thresholds: Shape (3,), dB.
        weights: Shape (4,), of the buckets.
        alert_minutes: Weighted minutes that count.
        false_sightings: Strangers that count, for each person and day.
        most_weight: The greatest of `weights`.
    """

    detection: float
    off: float
    reference_loss: float
    loss_exponent: float
    loss_spread: float
    thresholds: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]
    alert_minutes: float
    false_sightings: float
    most_weight: float


class Keys(NamedTuple):
    """Keys of a day's draws, or the streams they are of.

    Attributes:
        off: Phones that are off.
        detection: Phones that hear each other.
        attenuation: How well.
        strangers: Phones heard through walls.
    """

    off: np.uint64
    detection: np.uint64
    attenuation: np.uint64
    strangers: np.uint64


class PhoneDay(NamedTuple):
    """All that decides what phones hear on one day.

    Attributes:
        contacts: Of the day.
        radio: Of all phones.
        keys: Of the day's draws.
        since: `State.app_from`.
        until: `State.app_until`.
    """

    contacts: DayContacts
    radio: Radio
    keys: Keys
    since: npt.NDArray[np.int16]
    until: npt.NDArray[np.int16]


def phone_day(sim: "Sim", app: AppParameters, day: int) -> PhoneDay:
    """Gather what decides a past day.

    Args:
        sim: The run.
        app: Phones and radio.
        day: Which one.
    """
    streams = [sim.stream(f"app.{name}") for name in Keys._fields]
    keys = keys_of_day(streams, day)
    state = sim.state
    contacts = sim.contacts_on(day)
    return PhoneDay(contacts, _radio(app), Keys(*keys), state.app_from, state.app_until)


@lru_cache(maxsize=8)
def _radio(app: AppParameters) -> Radio:
    return Radio(
        float(app.detection),
        float(app.off),
        float(app.reference_loss),
        float(app.loss_exponent),
        float(app.loss_spread),
        np.asarray(app.thresholds, np.float64),
        np.asarray(app.weights, np.float64),
        float(app.alert_minutes),
        float(app.false_sightings),
        float(max(app.weights)),
    )


@kernel
def bucket_weight(attenuation, radio):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Weight of the bucket of an attenuation; a threshold belongs to its bucket."""
    for bucket in range(len(radio.thresholds)):
        if attenuation <= radio.thresholds[bucket]:
            return radio.weights[bucket]
    return radio.weights[len(radio.thresholds)]


@inlined
def _normal(key, one, other):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    """A normal deviate for a pair in either order (Box and Muller 1958)."""
    first = pair_uniform(key, one, other)
    second = pair_uniform(key ^ uint64(_SHADOW_SALT), one, other)
    return math.sqrt(-2.0 * math.log1p(-first)) * math.cos(2.0 * math.pi * second)


@kernel
def attenuation(i, j, layer, phones):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """What two phones lose of their signal in a contact.

    Args:
        i: One of the two.
        j: The other one.
        layer: Where they meet.
        phones: `PhoneDay`.

    Returns:
        float64, dB.
    """
    radio = phones.radio
    metres = max(float(contact_metres(i, j, layer, phones.contacts)), _NEAREST)
    loss = radio.reference_loss + 10.0 * radio.loss_exponent * math.log10(metres)
    if radio.loss_spread > 0:
        salted = phones.keys.attenuation + uint64(layer + 1) * uint64(_LAYER_SALT)
        loss += radio.loss_spread * _normal(salted, i, j)
    return loss


@kernel
def weighted_minutes(i, j, layer, phones):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Minutes of a contact, times the weight of its attenuation; as `attenuation`."""
    minutes = _MINUTES * float(contact_hours(i, j, layer, phones.contacts))
    return minutes * bucket_weight(attenuation(i, j, layer, phones), phones.radio)


@kernel
def counts(i, j, layer, weight, phones):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Whether a contact of two phones that are on alerts, if one of them publishes.

    Args:
        i: One of the two.
        j: The other one.
        layer: Where they meet.
        weight: Of the infectiousness of the one who publishes, on that day.
        phones: `PhoneDay`.
    """
    if weight <= 0:
        return False
    salted = phones.keys.detection + uint64(layer + 1) * uint64(_LAYER_SALT)
    if pair_uniform(salted, i, j) >= phones.radio.detection:
        return False
    minutes = _MINUTES * float(contact_hours(i, j, layer, phones.contacts))
    if weight * (minutes * phones.radio.most_weight) < phones.radio.alert_minutes:
        return False
    minutes = weighted_minutes(i, j, layer, phones)
    return weight * minutes >= phones.radio.alert_minutes


@kernel
def is_on(i, phones):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - numba
    """Whether somebody has the app on the day, on a phone that is on."""
    day = phones.contacts.day
    if phones.since[i] < 0 or day < phones.since[i]:
        return False
    if phones.until[i] >= 0 and day >= phones.until[i]:
        return False
    off = phones.radio.off
    return off <= 0 or uniform(phones.keys.off, i, 0) >= off
