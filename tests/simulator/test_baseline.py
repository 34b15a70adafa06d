import json

import pytest

from tests.simulator.golden import RUNS, numbers, run
from tests.simulator.update_baseline import BASELINE

_ADVICE = (
    "If the change is meant: python -m tests.simulator.update_baseline, and say in "
    "CHANGELOG.md, marked **Numbers**, which numbers move and why."
)


@pytest.mark.parametrize("name", RUNS)
def test_no_number_changes_unseen(name: str) -> None:
    kept = json.loads(BASELINE.read_text())[name]

    assert numbers(run(name)) == kept, _ADVICE


def test_every_kept_run_is_run() -> None:
    assert set(json.loads(BASELINE.read_text())) == set(RUNS)
