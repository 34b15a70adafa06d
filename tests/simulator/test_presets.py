import pytest

from cosignal.protocol.errors import UsageError
from cosignal.simulator.disease.presets import PRESETS, with_disease
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.simulation import Sim


@pytest.mark.parametrize("name", PRESETS)
def test_every_number_of_a_preset_has_a_source_and_fits(name: str) -> None:
    preset = PRESETS[name]

    changed = with_disease(Parameters(), name)

    assert preset.values.keys() == preset.sources.keys()
    assert all(preset.sources.values())
    for field, value in preset.values.items():
        assert getattr(changed.disease, field) == value
    assert changed.population == Parameters().population


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_makes_an_epidemic(name: str) -> None:
    parameters = with_disease(Parameters(), name).with_values(
        {"population.agents": 5000, "days": 120}
    )

    found = Sim(parameters=parameters, interventions=()).run().summary()

    assert found["attack_rate"] > 0.15


def test_an_unknown_disease_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="expected one of covid-19, omicron"):
        with_disease(Parameters(), "measles")
