"""One run of an experiment: what goes in, what is kept of it.

What this module guarantees:

* Jobs and outcomes can be sent to other processes and machines.
* A job's key says all that decides its outcome; equal keys, equal outcomes.
"""

import copy
import hashlib
import json
import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError
from cosignal.simulator.parameters.population import (
    ContactParameters,
    PopulationParameters,
)
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.version import VERSION

if TYPE_CHECKING:
    from cosignal.simulator.population.people import People
    from cosignal.simulator.simulation import Own

#: Series of each day that an experiment keeps of a run, beside its summary.
KEPT: Final = (
    "infections",
    "cases",
    "hospital",
    "icu",
    "deaths",
    "in_isolation",
    "in_quarantine",
    "alerts",
    "false_alerts",
    "alerts_infected_before",
    "alerted",
    "alerts_acted",
    "alerted_positive",
    "codes",
    "uploads",
    "tests",
    "traced",
    "onsets",
    "quarantines",
    "app_users",
)


#: Groups of parameters that built-in interventions keep a copy of.
_TAKEN: Final = ("app", "closures", "isolation", "testing", "tracing")
_BUILT_IN: Final = "cosignal.simulator.interventions."


@dataclass(frozen=True, slots=True)
class Setting:
    """What all runs of an experiment have in common.

    Attributes:
        parameters: From which each run starts.
        interventions: The user's own, or a function that makes them of a run's
            parameters; None for the built-in ones.
        population: The user's own people; None for synthetic ones.
    """

    parameters: Parameters
    interventions: "Own | None" = None
    population: "People | None" = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is kept of a run.

    Attributes:
        summary: Figures by name.
        series: Shape (days,) each. Daily counts, those of `KEPT`.
    """

    summary: Mapping[str, float]
    series: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)


def setting_of(base: object) -> Setting:
    """Take what runs have in common from a `Sim`, or from parameters.

    Raises:
        UsageError: It is something else.
    """
    if isinstance(base, Setting):
        return base
    if isinstance(base, Parameters):
        return Setting(base)
    parameters = getattr(base, "parameters", None)
    if not isinstance(parameters, Parameters):
        raise UsageError(
            f"base: expected a Sim or Parameters, got {type(base).__name__}",
            advice='For example Sim("FR", agents=100_000, days=120).',
        )
    return Setting(
        parameters,
        getattr(base, "own_interventions", None),
        getattr(base, "own_population", None),
    )


def job_key(setting: Setting, values: Mapping[str, Any]) -> str:
    """Name a run by all that decides its outcome.

    Args:
        setting: What runs have in common.
        values: By dotted name, what this run changes.

    Returns:
        32 hexadecimal digits.
    """
    parameters = setting.parameters.with_values(values)
    own = [_named(item) for item in own_parts(setting)]
    people = None if setting.population is None else _digest(setting.population)
    text = json.dumps([VERSION, parameters.as_values(), own, people], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def run_job(setting: Setting, values: Mapping[str, Any]) -> Outcome:
    """Run one simulation on one thread.

    Args:
        setting: What runs have in common.
        values: By dotted name, what this run changes.
    """
    # Only here: whoever reads a study need not wait for compiled code.
    from cosignal.simulator.simulation import Sim  # noqa: PLC0415

    parameters = setting.parameters.with_values(values)
    population = setting.population
    if population is None:
        population = _people(
            parameters.population, parameters.contacts, parameters.seed
        )
    results = Sim(
        parameters=parameters,
        # Whatever one run leaves in them must not reach the next.
        interventions=copy.deepcopy(setting.interventions),
        population=population,
        threads=1,
    ).run()
    series = {name: np.asarray(results.series(name), np.float64) for name in KEPT}
    return Outcome(dict(results.summary()), series)


@lru_cache(maxsize=1)
def _people(
    population: PopulationParameters, contacts: ContactParameters, seed: int
) -> "People":
    """The people of a seed, made once for all points of a sweep that share them."""
    from cosignal.simulator.population.synthetic import (  # noqa: PLC0415 - compiles
        synthetic,
    )

    return synthetic(Parameters(seed=seed, population=population, contacts=contacts))


def _digest(people: "People") -> str:
    """Name people by all their arrays."""
    found = hashlib.sha256()
    for name, column in people._asdict().items():
        found.update(f"{name}\n".encode())
        found.update(np.ascontiguousarray(column).tobytes())
    return found.hexdigest()


def refuse_fixed(setting: Setting, names: Iterable[str]) -> None:
    """Refuse to vary what given interventions have taken from parameters already.

    Args:
        setting: With the user's own interventions, perhaps.
        names: Dotted names that change from run to run.

    Raises:
        UsageError: A built-in intervention was given, and would not see the change.
    """
    built_in = [
        name
        for name in map(name_of, own_parts(setting))
        if name.startswith(_BUILT_IN) and not callable(setting.interventions)
    ]
    hidden = [name for name in names if name.partition(".")[0] in _TAKEN]
    if built_in and hidden:
        raise UsageError(
            f"values: expected parameters that interventions do not hold, "
            f"got {hidden[0]}",
            advice="Give Sim a function that makes them: interventions=mine, with "
            "def mine(parameters): return [*defaults(parameters), ...].",
        )


def own_parts(setting: Setting) -> tuple[object, ...]:
    """The user's interventions, or the function that makes them."""
    own = setting.interventions
    if own is None:
        return ()
    return (own,) if callable(own) else tuple(own)


def name_of(item: object) -> str:
    """Where an intervention, or a function that makes them, is written down."""
    kind = item if isinstance(item, FunctionType) else type(item)
    return f"{kind.__module__}.{kind.__qualname__}"


def _named(item: object) -> str:
    """Name an intervention by its class and what it holds.

    Raises:
        UsageError: It cannot be written down.
    """
    try:
        held = pickle.dumps(item, protocol=5)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise UsageError(
            f"folder: expected interventions that can be kept, got {name_of(item)}",
            advice="Put its class into a module, and into it what pickle can write.",
        ) from error
    return f"{name_of(item)} {hashlib.sha256(held).hexdigest()}"
