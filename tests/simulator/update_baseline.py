"""Write the kept numbers anew: `python -m tests.simulator.update_baseline`.

An explicit act: whoever changes numbers says in the changelog which, and why.
"""

import json
from pathlib import Path
from typing import Final

from tests.simulator.golden import RUNS, numbers, run

BASELINE: Final = Path(__file__).with_name("baseline.json")


def main() -> None:
    """Run all, and write the file."""
    found = {name: numbers(run(name)) for name in RUNS}
    BASELINE.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
