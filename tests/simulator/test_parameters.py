"""Changing parameters: all at once, and what is wrong by name and with advice."""

from typing import Any

import pytest

from cosignal.protocol.errors import UsageError
from cosignal.simulator.parameters.tree import Parameters

LOWER = {
    "disease.symptomatic": [0.01] * 9,
    "disease.severe": [0.005] * 9,
    "disease.critical": [0.002] * 9,
    "disease.fatal": [0.001] * 9,
}


def test_values_that_fit_only_together_are_taken_in_any_order() -> None:
    forward = Parameters().with_values(LOWER)
    backward = Parameters().with_values(dict(reversed(LOWER.items())))

    assert forward == backward
    assert forward.disease.severe == (0.005,) * 9


def test_values_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(UsageError, match=r"disease\.severe: expected symptomatic"):
        Parameters().with_values({"disease.symptomatic": [0.01] * 9})


@pytest.mark.parametrize(
    ("values", "message", "advice"),
    [
        ({"days": "ten"}, "days: expected a whole number, got 'ten'", "Such as 180"),
        ({"days": True}, "days: expected a whole number, got True", "Such as 180"),
        ({"app.adoption": "x"}, "app.adoption: expected a number", "without quotes"),
        ({"population.place": 3}, "population.place: expected a text", "in quotes"),
        ({"app.weights": 1}, "app.weights: expected a list, got 1", "brackets"),
        ({"app.weights": [1]}, "app.weights: expected 4 values", "app.weights says"),
        ({"app.thresholds": [3, 2, 1]}, "app.thresholds: expected asc", "the lowest"),
        ({"app": 3}, "app: expected the name of a parameter", "app.adoption"),
        ({"app.adoption.x": 3}, "app.adoption.x: expected a parameter", "one value"),
        ({"closures.0.start": 3}, "closures.0.start: expected a p", "[[closures]]"),
        ({"closures": [3]}, "closures.0: expected a table, got 3", "{layer = ...}"),
        ({"closures": 3}, "closures: expected a list, got 3", "[{...}, {...}]"),
        ({"closures": [{"x": 3}]}, "closures.0.x: expected a param", "Known are layer"),
        ({"population.place": "XX"}, "population.place: expected one of", "Country"),
        ({"app.adoption": float("nan")}, "app.adoption: expected 0 to 1, got", "Share"),
        ({"population.agents": 5}, "population.agents: expected 100 to 100,0", "Numb"),
    ],
)
def test_a_wrong_value_is_named_with_what_to_do(
    values: dict[str, Any], message: str, advice: str
) -> None:
    with pytest.raises(UsageError) as caught:
        Parameters().with_values(values)

    assert str(caught.value).startswith(message)
    assert advice in caught.value.advice
