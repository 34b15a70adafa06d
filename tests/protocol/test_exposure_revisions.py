from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.diagnosis_keys import DiagnosisKey, Infectiousness, ReportType
from cosignal.protocol.errors import UsageError
from cosignal.protocol.exposure.revisions import (
    KeyState,
    is_valid_transition,
    key_state,
    with_occurrence,
)
from tests.protocol.sample_exposures import DEFAULT, KEY, TODAY, diagnosis_key

UNKNOWN, TEST, CLINICAL, SELF, RECURSIVE, REVOKED = ReportType
HERE, ELSEWHERE = "authority-1", "authority-2"


def of(report_type: ReportType) -> DiagnosisKey:
    return diagnosis_key(report_type=report_type)


def types(*published: ReportType) -> ReportType | None:
    """Report type after one authority published the key with each of these."""
    state = key_state([(HERE, of(kind)) for kind in published], DEFAULT)
    return None if state is None else state.key.report_type


def test_five_changes_of_report_type_are_valid_and_no_other() -> None:
    valid = {
        pair for pair in product(ReportType, repeat=2) if is_valid_transition(*pair)
    }

    assert {
        (SELF, TEST),
        (SELF, CLINICAL),
        (SELF, REVOKED),
        (CLINICAL, TEST),
        (CLINICAL, REVOKED),
    } == valid


@pytest.mark.parametrize(
    ("published", "counted"),
    [
        ([SELF, TEST], TEST),
        ([SELF, REVOKED], REVOKED),
        ([CLINICAL, REVOKED], REVOKED),
        # Once only.
        ([SELF, CLINICAL, TEST], CLINICAL),
        ([SELF, CLINICAL, REVOKED], CLINICAL),
        # What does not count does not use up the one change.
        ([SELF, SELF, RECURSIVE, TEST], TEST),
        # A test is final, and so is a revocation.
        ([TEST, REVOKED], TEST),
        ([TEST, SELF, REVOKED], TEST),
        ([REVOKED, TEST], REVOKED),
        # An unknown type counts as a test by default.
        ([UNKNOWN, REVOKED], TEST),
        ([SELF, UNKNOWN], TEST),
        # As if it were not there.
        ([RECURSIVE], None),
        ([RECURSIVE, SELF, TEST], TEST),
        ([], None),
    ],
)
def test_a_report_type_changes_once_and_towards_certainty(
    published: list[ReportType], counted: ReportType | None
) -> None:
    assert counted == types(*published)


def test_only_the_authority_that_published_a_key_may_revise_it() -> None:
    occurrences = [(HERE, of(SELF)), (ELSEWHERE, of(REVOKED)), (HERE, of(TEST))]

    assert KeyState(of(SELF), HERE) == key_state(occurrences[:2], DEFAULT)
    assert KeyState(of(TEST), HERE, is_revised=True) == key_state(occurrences, DEFAULT)


@pytest.mark.parametrize(
    "changed",
    [
        diagnosis_key(report_type=TEST, period=143),
        diagnosis_key(report_type=TEST, start=TODAY + 1),
    ],
)
def test_an_occurrence_with_another_span_is_skipped(changed: DiagnosisKey) -> None:
    occurrences = [(HERE, of(SELF)), (HERE, changed)]

    assert KeyState(of(SELF), HERE) == key_state(occurrences, DEFAULT)


def test_everything_but_the_report_type_stays_as_first_published() -> None:
    higher = diagnosis_key(
        report_type=TEST, infectiousness=Infectiousness.HIGH, onset=3
    )

    state = key_state([(HERE, of(SELF)), (HERE, higher)], DEFAULT)

    assert KeyState(of(TEST), HERE, is_revised=True) == state


def test_an_occurrence_of_another_key_is_refused_without_showing_it() -> None:
    other = diagnosis_key(data=b"other key bytes!")

    with pytest.raises(
        UsageError, match="expected an occurrence of the same key"
    ) as caught:
        with_occurrence(KeyState(KEY, HERE), other, HERE, DEFAULT)

    assert "other key bytes" not in str(caught.value)
    assert KEY.data.hex() not in repr(KeyState(KEY, HERE))


@given(
    st.lists(
        st.tuples(
            st.sampled_from([HERE, ELSEWHERE]),
            st.builds(
                diagnosis_key,
                report_type=st.sampled_from(ReportType),
                period=st.sampled_from([144, 144, 100]),
            ),
        ),
        max_size=8,
    )
)
def test_folding_is_the_rule_said_in_another_way(
    occurrences: list[tuple[str, DiagnosisKey]],
) -> None:
    counted = [
        (issuer, key, TEST if key.report_type is UNKNOWN else key.report_type)
        for issuer, key in occurrences
        if key.report_type is not RECURSIVE
    ]
    state = key_state(occurrences, DEFAULT)

    if not counted:
        assert state is None
        return
    issuer, first, kind = counted[0]
    later = [
        new
        for author, key, new in counted
        if author == issuer and key.period == first.period
    ]
    changes = [new for new in later if is_valid_transition(kind, new)]
    expected = changes[0] if changes else kind

    assert state is not None
    assert (issuer, expected, bool(changes)) == (
        state.issuer,
        state.key.report_type,
        state.is_revised,
    )
    assert (first.start, first.period) == (state.key.start, state.key.period)
