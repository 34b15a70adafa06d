import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.matching.spans import needed_identifiers
from tests.protocol.encounters import TEK, TODAY, PlainKey, columns, heard

KEY = PlainKey(TEK, TODAY, 144)


@given(
    st.lists(st.integers(-40, 220), max_size=4),
    st.lists(
        st.tuples(st.integers(-40, 220), st.sampled_from([1, 2, 80, 144]))
        | st.just((0, 144)),
        max_size=6,
    ),
)
def test_exactly_the_span_from_the_first_to_the_last_needed_identifier_is_left(
    intervals: list[int], shapes: list[tuple[int, int]]
) -> None:
    keys = [PlainKey(TEK, TODAY + start, period) for start, period in shapes]
    expected = []
    for index, (start, period) in enumerate(shapes):
        near = [
            own
            for own in range(start, start + period)
            if any(abs(own - interval) <= 12 for interval in intervals)
        ]
        if near:
            expected.append([index, TODAY + near[0], near[-1] - near[0] + 1])

    sightings = heard([(TEK, TODAY + interval) for interval in intervals])
    rows = needed_identifiers(columns(keys), sightings)

    assert expected == rows.tolist()
    assert rows.flags.c_contiguous


def test_a_key_is_left_out_when_everything_was_heard_before_or_after_it() -> None:
    sightings = heard([(TEK, TODAY - 13), (TEK, TODAY + 144 + 12)])

    assert not len(needed_identifiers(columns([KEY]), sightings))


def test_one_sighting_needs_the_identifiers_of_two_hours_before_and_after() -> None:
    rows = needed_identifiers(columns([KEY]), heard([(TEK, TODAY + 50)]))

    assert rows.tolist() == [[0, TODAY + 38, 25]]


def test_intervals_at_the_ends_of_64_bits_are_far_from_everything() -> None:
    ends = np.iinfo(np.int64)
    sightings = heard([(TEK, ends.min), (TEK, ends.max)])

    assert not len(needed_identifiers(columns([KEY]), sightings))
