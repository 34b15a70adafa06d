"""Print the project's figures, one JSON object a line.

A missed budget is a finding and not a failure: the exit status is 1 only when a
measurement itself failed.
"""

import argparse
import sys
import traceback
from collections.abc import Sequence

from tests.benchmarks.figures import Figure, NotHereError, line, note
from tests.benchmarks.registry import FIGURES


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the command line names, or everything.

    Args:
        arguments: Names; None for those of this process.

    Returns:
        Exit status.
    """
    failed = 0
    for figure in _chosen(arguments):
        sys.stderr.write(f"{figure.name}\n")
        failed |= not _run(figure)
    return failed


def _chosen(arguments: Sequence[str] | None) -> list[Figure]:
    names = [figure.name for figure in FIGURES]
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measure and print the project's figures, one JSON object a line.",
        epilog="example: python -m tests.benchmarks body_decode_ns_per_key_100k",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"which; all by default, about a quarter of an hour: {', '.join(names)}",
    )
    wanted = parser.parse_args(arguments).names
    unknown = sorted(set(wanted) - set(names))
    if unknown:
        parser.error(f"expected names of figures, got {', '.join(unknown)}")
    return [figure for figure in FIGURES if not wanted or figure.name in wanted]


def _run(figure: Figure) -> bool:
    """Print one figure; say whether it could be measured where it should be."""
    try:
        value = figure.measure()
    except NotHereError as error:
        note(f"not measured: {error}")
    except Exception:  # noqa: BLE001 - the others are still wanted
        traceback.print_exc()
        return False
    else:
        sys.stdout.write(f"{line(figure, value)}\n")
        sys.stdout.flush()
    return True


if __name__ == "__main__":
    sys.exit(main())
