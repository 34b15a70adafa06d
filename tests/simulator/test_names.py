import traceback

import pytest

import cosignal.simulator
from cosignal.protocol.errors import UsageError
from cosignal.simulator.experiments.jobs import Outcome, setting_of
from cosignal.simulator.experiments.study import Study, grid
from cosignal.simulator.parameters.tree import Parameters


def test_the_package_lists_its_names_before_they_are_loaded() -> None:
    assert set(cosignal.simulator.__all__) <= set(dir(cosignal.simulator))


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("adoption", 0.2, "Did you mean app.adoption?"),
        ("disease.R0", 2.0, "Did you mean disease.r0?"),
        ("app.adoptoin", 0.2, "Did you mean app.adoption?"),
        ("xyzzy", 1, "Known are days, seed,"),
        ("population.place", "Germany", "Did you mean DE?"),
        ("population.place", "ch", "Did you mean CH?"),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(
    name: str, value: object, advice: str
) -> None:
    with pytest.raises(UsageError) as caught:
        Parameters().with_values({name: value})

    assert caught.value.advice.startswith(advice)


def test_a_traceback_ends_with_the_advice_and_the_message_has_none() -> None:
    error = UsageError("x: expected 1, got 2", advice="Give 1.")

    assert str(error) == "x: expected 1, got 2"
    assert traceback.format_exception_only(error)[-1] == "Give 1.\n"


def test_a_point_that_a_study_does_not_have_is_answered_with_the_nearest() -> None:
    study = Study(setting_of(Parameters()), grid({"app.adoption": [0, 0.5]}), 1, {})

    with pytest.raises(UsageError) as caught:
        study.find("app.adopton=0.5")

    assert caught.value.advice.startswith("Did you mean app.adoption=0.5?")


def test_a_study_is_shown_in_a_few_lines() -> None:
    outcomes = {(0, 0): Outcome({"deaths": 1.0}, {})}
    points = grid({"app.adoption": [0.1 * number for number in range(9)]})

    found = repr(Study(setting_of(Parameters()), points, 3, outcomes))

    assert found.startswith("Study: 1 of 27 runs, 3 at each of 9 points\n")
    assert len(found.splitlines()) == 3
    assert " and 3 more" in found
