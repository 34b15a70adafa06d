"""Small populations that several tests look at, and a day's contacts as a table."""

from collections import Counter
from functools import cache

import numpy as np

from cosignal.simulator.contacts.days import DayContacts
from cosignal.simulator.contacts.slots import contacts_of, most_slots
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.population.people import People
from cosignal.simulator.population.synthetic import synthetic


@cache
def parameters_of(place: str = "FR", agents: int = 3000, **values: float) -> Parameters:
    """Parameters with a few regions; names with `__` for dots."""
    named = {name.replace("__", "."): value for name, value in values.items()}
    return Parameters().with_values(
        {
            "population.place": place,
            "population.agents": agents,
            "population.region_size": 700 if agents < 10_000 else 32_768,
            **named,
        }
    )


@cache
def people_of(place: str = "FR", agents: int = 3000, **values: float) -> People:
    """The people of `parameters_of`."""
    return synthetic(parameters_of(place, agents, **values))


def meetings(day: DayContacts, people: People) -> Counter[tuple[int, int, int]]:
    """How often each i meets each j in each layer, looked up for each i alone."""
    room = int(most_slots(people))
    ids, layers = np.empty(room, np.int32), np.empty(room, np.uint8)
    found: Counter[tuple[int, int, int]] = Counter()
    for i in range(len(people.age)):
        count = contacts_of(i, day, people, ids, layers)
        others = zip(ids[:count].tolist(), layers[:count].tolist(), strict=True)
        found.update((i, j, layer) for j, layer in others)
    return found


def are_same(one: People, other: People) -> bool:
    """Whether all arrays are equal."""
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in People._fields
    )
