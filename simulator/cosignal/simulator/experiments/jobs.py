"""One run of an experiment: what goes in, what is kept of it.

What this module guarantees:

* Jobs and outcomes can be sent to other processes and machines.
* A job's key says all that decides its outcome; equal keys, equal outcomes.
"""

import copy
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError
from cosignal.simulator.experiments.own_code import code_digest, name_of
from cosignal.simulator.parameters.population import (
    ContactParameters,
    PopulationParameters,
)
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.series import SERIES
from cosignal.simulator.version import VERSION

if TYPE_CHECKING:
    from cosignal.simulator.population.files import OwnFiles
    from cosignal.simulator.population.people import People
    from cosignal.simulator.simulation import Own

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
        files: What was read of the files that the parameters name.
        beta: Hazard of an average contact; None to solve for it.
    """

    parameters: Parameters
    interventions: "Own | None" = None
    population: "People | None" = None
    files: "OwnFiles | None" = None
    beta: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is kept of a run.

    Attributes:
        summary: Figures by name.
        series: Shape (days,) each. Daily counts, those of `series.SERIES` and the
            user's own.
    """

    summary: Mapping[str, float]
    series: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)


def setting_of(base: object) -> Setting:
    """Take what runs have in common from a `Sim`, or from parameters.

    Raises:
        UsageError: It is something else, or has analysers; or a file of people that it
            names cannot be read.
    """
    if isinstance(base, Setting):
        return base
    if isinstance(base, Parameters):
        return Setting(base, files=_files(base))
    parameters = getattr(base, "parameters", None)
    if not isinstance(parameters, Parameters):
        raise UsageError(
            f"base: expected a Sim or Parameters, got {type(base).__name__}",
            advice='For example Sim("FR", agents=100_000, days=120).',
        )
    analysers = getattr(base, "analysers", ())
    if analysers:
        raise UsageError(
            f"base: expected a Sim without analysers, got {name_of(analysers[0])}",
            advice="Of many runs only figures and series are kept, so nobody would see "
            "what analysers saw; give them to single runs.",
        )
    population = getattr(base, "own_population", None)
    return Setting(
        parameters,
        getattr(base, "own_interventions", None),
        population,
        _files(parameters) if population is None else None,
        getattr(base, "beta", None),
    )


def _files(parameters: Parameters) -> "OwnFiles | None":
    if not parameters.population.people:
        return None
    from cosignal.simulator.population.files import (  # noqa: PLC0415 - compiles
        read_files,
    )

    return read_files(parameters)


def setting_key(setting: Setting) -> str:
    """Name what runs have in common, beside parameters: code, people and their files.

    Returns:
        64 hexadecimal digits.

    Raises:
        UsageError: An intervention holds what cannot be looked into.
    """
    people = None if setting.population is None else _digest(setting.population)
    files = [sha256 for _, sha256 in setting.files.digests] if setting.files else []
    own = [code_digest(item) for item in own_parts(setting)]
    has_own = setting.interventions is not None
    text = json.dumps([has_own, own, people, files, setting.beta])
    return hashlib.sha256(text.encode()).hexdigest()


def job_key(
    setting: Setting, values: Mapping[str, Any], common: str | None = None
) -> str:
    """Name a run by all that decides its outcome.

    Args:
        setting: What runs have in common.
        values: By dotted name, what this run changes.
        common: `setting_key` of the setting, where it is at hand.

    Returns:
        32 hexadecimal digits.
    """
    parameters = setting.parameters.with_values(values)
    plain = parameters.as_values()
    # The files' digests are in the key; where they lie plays no part.
    plain.pop("population.people")
    plain.pop("population.networks")
    # Runs that another list of series was kept of are no use.
    known = [VERSION, list(SERIES), plain, common or setting_key(setting)]
    text = json.dumps(known, sort_keys=True)
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
            parameters.population, parameters.contacts, parameters.seed, setting.files
        )
    results = Sim(
        parameters=parameters,
        # Whatever one run leaves in them must not reach the next.
        interventions=copy.deepcopy(setting.interventions),
        population=population,
        threads=1,
        beta=setting.beta,
    ).run()
    names = dict.fromkeys([*SERIES, *sorted(results.by_age)])
    series = {name: np.asarray(results.series(name), np.float64) for name in names}
    return Outcome(dict(results.summary()), series)


@lru_cache(maxsize=1)
def _people(
    population: PopulationParameters,
    contacts: ContactParameters,
    seed: int,
    files: "OwnFiles | None",
) -> "People":
    """The people of a seed, made once for all points of a sweep that share them."""
    from cosignal.simulator.population.synthetic import (  # noqa: PLC0415 - compiles
        synthetic,
    )

    parameters = Parameters(seed=seed, population=population, contacts=contacts)
    return synthetic(parameters) if not files else files.population(parameters).people


def _digest(people: "People") -> str:
    """Name people by all their arrays."""
    found = hashlib.sha256()
    for name, column in people._asdict().items():
        found.update(f"{name}\n".encode())
        found.update(np.ascontiguousarray(column).tobytes())
    return found.hexdigest()


def refuse_fixed(setting: Setting, names: Iterable[str]) -> None:
    """Refuse to vary what would change nothing, being fixed by what was given.

    Args:
        setting: With the user's own interventions, people or beta, perhaps.
        names: Dotted names that change from run to run.

    Raises:
        UsageError: Interventions, people or beta that were given would not see the
            change.
    """
    names = list(names)
    _refuse_given(setting, names)
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


def _refuse_given(setting: Setting, names: Iterable[str]) -> None:
    """Refuse what people or beta that were given decide already."""
    for name in names:
        if name in ("population.people", "population.networks"):
            raise UsageError(
                f"values: expected parameters other than {name}",
                advice="Files are read once for all runs; make a study for each.",
            )
        if setting.population is not None and name.startswith("population."):
            raise UsageError(
                f"values: expected parameters that change own people, got {name}",
                advice="They are given as they are; make them anew for each study.",
            )
        if setting.beta is not None and name in ("disease.r0", "disease.growth_rate"):
            raise UsageError(
                f"values: expected parameters that change a run, got {name}",
                advice="Sim was given beta, in place of what it asks for.",
            )


def own_parts(setting: Setting) -> tuple[object, ...]:
    """The user's interventions, or the function that makes them."""
    own = setting.interventions
    if own is None:
        return ()
    return (own,) if callable(own) else tuple(own)
