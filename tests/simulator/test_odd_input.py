"""What people get wrong is named, and nothing runs on it."""

from pathlib import Path

import pytest

from cosignal.protocol.errors import UsageError
from cosignal.simulator import Sim
from cosignal.simulator.experiments.observed import observed
from cosignal.simulator.parameters.tree import MAX_VARIANTS, Parameters
from cosignal.simulator.population.own import Population


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"closures": [{"start": 30, "stop": 10}]}, r"closures\.0\.stop"),
        ({"contacts.holidays": [[5, 2]]}, r"contacts\.holidays"),
        ({"variants": [{}] * (MAX_VARIANTS + 1)}, "variants: expected at most 254"),
    ],
)
def test_what_would_end_before_it_begins_is_refused(
    values: dict[str, object], what: str
) -> None:
    with pytest.raises(UsageError, match=what):
        Parameters().with_values(values)


def test_people_who_cannot_infect_anybody_have_no_r0() -> None:
    with pytest.raises(UsageError, match=r"disease\.r0: expected 0"):
        Sim("FR", agents=500, days=2, disease__susceptibility=(0.0,) * 9).run()


def test_a_file_without_rows_fits_nothing(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.write_text("day,cases\n")

    with pytest.raises(UsageError, match="got no row"):
        observed(path, 30)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"person,age,household\n\xff,1,2\n", "expected CSV in UTF-8"),
        (b"person,age,age,household\n1,20,50,1\n", "expected each column once"),
    ],
)
def test_a_file_of_people_that_is_none_is_named(
    tmp_path: Path, data: bytes, what: str
) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(data)

    with pytest.raises(UsageError, match=what):
        Population.from_csv(path)


def test_a_parquet_file_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    path.write_bytes(b"no columns")

    with pytest.raises(UsageError, match="expected a Parquet file"):
        Population.from_parquet(path)
