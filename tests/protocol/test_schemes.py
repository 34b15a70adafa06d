"""Every scheme does what it is for, and tells outsiders what the docs say it tells."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosignal.protocol.errors import (
    MalformedError,
    SignatureInvalidError,
    UsageError,
    VerificationError,
)
from cosignal.protocol.identifiers import tcn
from cosignal.protocol.identifiers.candidates import (
    CANDIDATES,
    GAEN,
    LOW_COST,
    TCN,
    UNLINKABLE,
)
from cosignal.protocol.identifiers.comparison import START, compare, prepare
from cosignal.protocol.identifiers.cuckoo import build_filter, parse_filter
from cosignal.protocol.identifiers.dp3t import (
    DayKey,
    next_day_key,
    publish_day_keys,
)
from cosignal.protocol.identifiers.schemes import (
    Hit,
    Phone,
    Scheme,
    Sighting,
    Work,
    linked_groups,
    replay_seconds,
)
from tests.protocol import naive_schemes as naive
from tests.strategies import counted_entropy

DAY = 86_400

schemes = pytest.mark.parametrize("scheme", CANDIDATES, ids=lambda scheme: scheme.name)


def phones(scheme: Scheme, number: int, days: int, seed: str = "phones") -> list[Phone]:
    entropy = counted_entropy(seed)
    return [scheme.derive(START, days, entropy) for _ in range(number)]


def salt() -> Callable[[int], bytes]:
    return counted_entropy("salt")


@schemes
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_exactly_the_planted_encounters_are_found(
    scheme: Scheme, data: st.DataObject
) -> None:
    days = data.draw(st.integers(1, 3), "days")
    infected = phones(scheme, data.draw(st.integers(0, 3), "infected"), days)
    others = phones(scheme, 2, days, "others")
    epochs = st.integers(0, len(others[0].identifiers) - 1)
    everybody = st.sampled_from([*infected, *others])
    met = data.draw(st.lists(st.tuples(everybody, epochs), max_size=30), "met")
    heard = [phone.sighting(epoch) for phone, epoch in met]

    hits = scheme.match(scheme.publish(infected, salt()), heard)

    planted = [number for number, (phone, _) in enumerate(met) if phone in infected]
    assert planted == [hit.sighting for hit in hits]


@schemes
def test_every_broadcast_of_an_infected_person_is_found(scheme: Scheme) -> None:
    infected, healthy = phones(scheme, 3, 2), phones(scheme, 3, 2, "healthy")
    heard = [s for phone in (*infected, *healthy) for s in phone.sightings()]

    hits = scheme.match(scheme.publish(infected, salt()), heard)

    assert [hit.sighting for hit in hits] == list(range(len(heard) // 2))


@schemes
def test_every_epoch_has_an_identifier_of_its_own(scheme: Scheme) -> None:
    broadcast = [item for phone in phones(scheme, 3, 2) for item in phone.identifiers]

    assert len(broadcast) == len(set(broadcast))
    assert {16} == {len(item) for item in broadcast}


@schemes
def test_a_phone_lives_through_whole_days(scheme: Scheme) -> None:
    (phone,) = phones(scheme, 1, 3)
    last = list(phone.sightings())[-1]

    assert phone.days == 3
    assert phone.end == START + 3 * DAY
    assert last == (phone.identifiers[-1], phone.end - phone.epoch_seconds)


@schemes
def test_the_file_tells_nothing_about_the_order_of_people(scheme: Scheme) -> None:
    people = phones(scheme, 4, 2)

    published = scheme.publish(people, salt())

    assert published == scheme.publish(people[::-1], salt())


@schemes
def test_parts_of_two_peoples_time_can_be_exchanged_unnoticed(scheme: Scheme) -> None:
    """What the file ties together is one secret; it cannot tie two of them."""
    one, other = phones(scheme, 2, 2)
    published = scheme.publish([one, other], salt())
    for place in range(len(one.secrets)):
        rest = slice(place + 1, None)
        mixed = [
            replace(a, secrets=(*a.secrets[:place], b.secrets[place], *a.secrets[rest]))
            for a, b in ((one, other), (other, one))
        ]

        assert published == scheme.publish(mixed, salt())


@schemes
def test_one_secret_ties_together_what_the_outsider_links(scheme: Scheme) -> None:
    people = phones(scheme, 2, 2)
    heard = [sighting for phone in people for sighting in phone.sightings()]

    hits = scheme.match(scheme.publish(people, salt()), heard)

    run = len(heard) // sum(len(phone.secrets) for phone in people)
    expected = [list(range(i, i + run)) for i in range(0, len(heard), run)]
    assert expected == linked_groups(hits)


@pytest.mark.parametrize(
    ("scheme", "linked", "pieces", "replay", "size"),
    [
        (GAEN, DAY, 4, 7_800, 32 + 1 + 4 + 2 * 3 + 3 * 4 + 16 * 12),
        (LOW_COST, 4 * DAY, 1, DAY, 4 + 36 * 3),
        (UNLINKABLE, 900, 4 * 96, 900, 21 + -(-304 * 4 * 45 // 8)),
        (TCN, 21_600, 4 * 4, None, 134 * 4 * 4 * 3),
    ],
    ids=[scheme.name for scheme in CANDIDATES],
)
def test_figures_are_those_of_the_design(
    scheme: Scheme, linked: int, pieces: float, replay: int | None, size: int
) -> None:
    shown = compare(prepare(scheme, 3, 4, counted_entropy()))

    assert linked == shown.linked_seconds
    assert pieces == shown.pieces
    assert replay == shown.replay_seconds
    assert size == shown.published_bytes
    assert shown.days == 12
    assert shown.bytes_per_day == size / 12


@schemes
def test_a_replay_counts_within_the_schemes_window_only(scheme: Scheme) -> None:
    (phone,) = phones(scheme, 1, 2)
    published = scheme.publish([phone], salt())
    limit = replay_seconds(scheme, published, phone)
    late = START + (limit or 3 * DAY)

    heard = [Sighting(phone.identifiers[0], time) for time in (late - 1, late)]

    expected = [0] if limit else [0, 1]
    assert expected == [hit.sighting for hit in scheme.match(published, heard)]


def test_a_low_cost_identifier_counts_for_nothing_once_its_key_is_out() -> None:
    (phone,) = phones(LOW_COST, 1, 1)
    key, release = DayKey(phone.secrets[0], START // DAY), START + 7_200
    published = publish_day_keys([key], release).encode()
    late = Sighting(phone.identifiers[0], release)

    hits = LOW_COST.match(published, [late, *phone.sightings()])

    # Eight quarters of an hour lie before the release.
    assert [hit.sighting for hit in hits] == list(range(1, 9))


def test_a_low_cost_key_says_nothing_about_the_day_before() -> None:
    (phone,) = phones(LOW_COST, 1, 2)
    key = DayKey(next_day_key(phone.secrets[0]), START // DAY + 1)
    published = publish_day_keys([key], phone.end).encode()

    hits = LOW_COST.match(published, list(phone.sightings()))

    assert [hit.sighting for hit in hits] == list(range(96, 192))


@schemes
def test_work_is_what_a_second_implementation_counts(scheme: Scheme) -> None:
    assert scheme.work == COUNTED[scheme.name]()


def counted_gaen() -> Work:
    phone, machine = phones(GAEN, 1, 1)[0], naive.Machine()
    broadcast = machine.gaen_day(phone.secrets[0], START // 600)

    assert phone.identifiers == tuple(broadcast)
    return Work(machine.hashes, machine.ciphers)


def counted_low_cost() -> Work:
    phone, machine = phones(LOW_COST, 1, 1)[0], naive.Machine()
    broadcast, _ = machine.low_cost_day(phone.secrets[0])

    assert sorted(phone.identifiers) == sorted(broadcast)
    return Work(machine.hashes, machine.ciphers)


def counted_unlinkable() -> Work:
    phone, machine = phones(UNLINKABLE, 1, 1)[0], naive.Machine()
    heard, time = phone.sighting(5)
    published = UNLINKABLE.publish([phone], salt())

    assert machine.filter_holds(
        published, machine.hashed_observation(heard, time // 900)
    )
    return Work(0, hashes_per_sighting=machine.hashes)


def counted_tcn() -> Work:
    phone, machine = phones(TCN, 1, 1)[0], naive.Machine()
    data, broadcast = TCN.publish([phone], salt()), set[bytes]()
    reports = [data[i : i + 134] for i in range(0, len(data), 134)]
    for report in reports:
        rvk, key = report[:32], report[32:64]
        naive.check_signature(rvk, report)
        broadcast |= set(machine.tcn_numbers(rvk, key, 1, 24))

    assert broadcast == set(phone.identifiers)
    return Work(machine.hashes, signatures_per_day=len(reports))


COUNTED = {
    "gaen": counted_gaen,
    "dp3t-low-cost": counted_low_cost,
    "dp3t-unlinkable": counted_unlinkable,
    "tcn": counted_tcn,
}


@schemes
@settings(max_examples=50)
@given(data=st.binary(max_size=200))
def test_random_files_are_malformed_or_prove_nothing(
    scheme: Scheme, data: bytes
) -> None:
    try:
        hits = scheme.match(data, [Sighting(bytes(16), START)])
    except (MalformedError, SignatureInvalidError):
        return
    assert len(hits) <= 1


def test_one_report_that_is_not_by_its_own_key_spoils_the_file() -> None:
    published = TCN.publish(phones(TCN, 2, 1), salt())
    other = tcn.sign_report(bytes(32), 1, 2).encode()

    with pytest.raises(SignatureInvalidError):
        TCN.match(published + other[:-1] + bytes([other[-1] ^ 1]), [])


@schemes
def test_phones_of_another_scheme_are_refused(scheme: Scheme) -> None:
    for other in CANDIDATES:
        if other is not scheme:
            with pytest.raises(UsageError, match="phone 0: expected"):
                scheme.publish(phones(other, 1, 2), salt())


@schemes
def test_a_phone_that_stands_twice_is_refused(scheme: Scheme) -> None:
    with pytest.raises(UsageError, match="people: expected each phone once"):
        scheme.publish(phones(scheme, 1, 1) * 2, salt())


@schemes
@pytest.mark.parametrize("days", [0, 15, -1])
def test_days_out_of_range_are_refused(scheme: Scheme, days: int) -> None:
    with pytest.raises(UsageError, match=f"days: expected 1 to 14, got {days}"):
        scheme.derive(START, days, counted_entropy())


@schemes
@pytest.mark.parametrize("start", [START + 1, -DAY, 2**32 // DAY * DAY])
def test_a_start_that_is_no_midnight_is_refused(scheme: Scheme, start: int) -> None:
    with pytest.raises(UsageError, match="start: expected Unix seconds of a midnight"):
        scheme.derive(start, 1, counted_entropy())


@schemes
def test_short_entropy_is_refused(scheme: Scheme) -> None:
    with pytest.raises(UsageError, match="entropy: expected"):
        scheme.derive(START, 1, lambda size: bytes(size - 1))


@schemes
@pytest.mark.parametrize(
    "sighting",
    [Sighting(bytes(15), START), Sighting(bytes(17), START), Sighting(bytes(16), -1)],
)
def test_sightings_out_of_range_are_refused(scheme: Scheme, sighting: Sighting) -> None:
    published = scheme.publish(phones(scheme, 1, 1), salt())

    with pytest.raises(UsageError, match="sighting 1: expected"):
        scheme.match(published, [Sighting(bytes(16), START), sighting])


@schemes
def test_a_phone_does_not_show_its_secrets(scheme: Scheme) -> None:
    assert "secrets" not in repr(phones(scheme, 1, 1)[0])


@pytest.mark.parametrize("people", [0, 201])
def test_people_out_of_range_are_refused(people: int) -> None:
    with pytest.raises(UsageError, match="people: expected 1 to 200"):
        prepare(GAEN, people, 1, counted_entropy())


def test_a_diary_holds_one_sighting_of_each_infected() -> None:
    experiment = prepare(TCN, 30, 1, counted_entropy())

    hits = TCN.match(experiment.published, experiment.diary())

    assert len(experiment.diary()) == 2_000
    assert [hit.sighting for hit in hits] == list(range(30))


def test_a_scheme_that_misses_somebody_is_an_error() -> None:
    experiment = prepare(GAEN, 2, 1, counted_entropy())
    fewer = GAEN.publish(experiment.infected[:1], salt())

    with pytest.raises(VerificationError, match="gaen: expected to find exactly"):
        compare(replace(experiment, published=fewer))


def test_a_scheme_that_ties_people_together_is_an_error() -> None:
    class Mistaken(type(UNLINKABLE)):  # type: ignore[misc]
        """Believes that there is but one infected person."""

        def match(self, published: bytes, heard: list[Sighting]) -> list[Hit]:
            return [hit._replace(source=0) for hit in super().match(published, heard)]

    with pytest.raises(VerificationError, match="expected groups of one person"):
        compare(prepare(Mistaken(), 2, 1, counted_entropy()))


def test_an_unlinkable_file_says_no_more_than_a_set_of_hashes() -> None:
    people = phones(UNLINKABLE, 5, 1)
    found = parse_filter(UNLINKABLE.publish(people, salt()))
    observed = [
        naive.Machine().hashed_observation(identifier, time // 900)
        for phone in people
        for identifier, time in phone.sightings()
    ]

    again = build_filter(sorted(observed), found.salt)

    assert found.encode() == again.encode()


def test_sightings_that_nobody_can_place_stay_alone() -> None:
    hits = [Hit(3, None), Hit(5, None), Hit(7, 1), Hit(8, 0), Hit(9, 1)]

    assert linked_groups(hits) == [[7, 9], [3], [5], [8]]
    assert linked_groups([]) == []


def test_low_cost_phones_use_their_identifiers_in_an_order_of_their_own() -> None:
    one, other = (low_cost_with_key(bytes(32), order) for order in ("one", "other"))

    assert one != other
    assert sorted(one) == sorted(other)


def low_cost_with_key(key: bytes, order: str) -> tuple[bytes, ...]:
    """Broadcasts of a phone that drew this key, and then something else."""
    rest = counted_entropy(order)
    phone = LOW_COST.derive(START, 1, lambda size: key if size == 32 else rest(size))
    return phone.identifiers
