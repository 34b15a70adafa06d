"""What is in force before a record, offline."""

from dataclasses import replace

import pytest

from cosignal.protocol.errors import RefusedError
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.records import (
    ConfigurationRecord,
    Record,
    RevocationRecord,
    SignedRecord,
    parse_record,
    sign_record,
)
from cosignal.server.in_force import InForce, follow
from tests.protocol.sample_chain import NETWORK, SampleChain

SAMPLE = SampleChain()
LARGER = SampleChain(members=5)
CONFIGURATION = ConfigurationRecord(NETWORK, 3, ExposureConfiguration())
SECOND, THIRD = LARGER.policy_record(2), LARGER.policy_record(3, minimum=99)


def signed(record: Record, *numbers: int) -> SignedRecord:
    return parse_record(sign_record(record, *(LARGER.issuers[n] for n in numbers)))


FIRST = signed(SAMPLE.policy, 0, 1, 2, 3)
AFTER = [signed(SECOND, 0, 1, 2, 4), signed(THIRD, 1, 2, 3, 4)]
SET = signed(CONFIGURATION, 0, 1, 2, 3)


def test_policies_are_followed_in_whatever_order_they_are_given() -> None:
    assert follow(SAMPLE.policy, []) == InForce(SAMPLE.policy)
    assert follow(SAMPLE.policy, [FIRST]) == InForce(SAMPLE.policy)
    for given in ([FIRST, *AFTER, SET], [SET, AFTER[1], FIRST, AFTER[0]]):
        assert follow(SAMPLE.policy, given) == InForce(THIRD, CONFIGURATION)


def test_a_configuration_may_be_older_than_the_newest_policy() -> None:
    old = signed(CONFIGURATION, 0, 1, 2)  # a quorum of four, not of five

    assert follow(SAMPLE.policy, [*AFTER, old]).configuration == CONFIGURATION


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ([AFTER[1]], "expected policy version 2 after 1, got 3"),
        ([AFTER[0], AFTER[0]], "expected policy version 3 after 2, got 2"),
        ([signed(SECOND, 0, 1)], "policy version 2: policy 2: expected 4 of 5"),
        ([signed(SECOND, 1, 2, 3)], "policy version 2: policy 2: expected 4 of 5"),
        ([signed(replace(SAMPLE.policy, minimum=1), 0, 1, 2)], "version 2 after 1"),
        ([signed(CONFIGURATION, 0, 1)], "configuration version 3: policy 1"),
        ([SET, SET], "expected at most one configuration, got 2"),
        (
            [signed(replace(CONFIGURATION, network="other.example"), 0, 1, 2)],
            "got other.example",
        ),
        (
            [signed(RevocationRecord(NETWORK, "a", bytes(32), "faulty-test"), 0)],
            "got another record",
        ),
    ],
)
def test_what_does_not_follow_is_refused(
    given: list[SignedRecord], problem: str
) -> None:
    with pytest.raises(RefusedError, match=problem) as caught:
        follow(SAMPLE.policy, given)
    assert caught.value.advice


def test_changes_are_the_lines_that_go_and_that_come() -> None:
    before = InForce(SAMPLE.policy, CONFIGURATION)
    parameters = replace(CONFIGURATION.parameters, alert_day_score=1200)

    shown = before.changes(replace(CONFIGURATION, version=4, parameters=parameters))

    assert shown == [
        "- version 3",
        "+ version 4",
        "- alert-day-score 900",
        "+ alert-day-score 1200",
    ]
    assert before.changes(SAMPLE.policy) == []
    assert InForce(SAMPLE.policy).changes(CONFIGURATION) == []
    lines = before.changes(SECOND)
    assert "- version 1" in lines
    assert any(line.startswith("+ issuer authority-5 ") for line in lines)
