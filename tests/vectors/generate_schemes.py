"""Writes the vectors of the schemes that are studied beside the one that we run.

    python -m tests.vectors.generate_schemes

Our implementation writes them; `tests/protocol/naive_schemes.py`, which shares no code
with it, checks them.
"""

import hashlib
import json
from typing import Any

from cosignal.protocol.identifiers import cuckoo, dp3t, tcn
from tests.vectors.generate import FOLDER, example_bytes

VECTORS = FOLDER / "schemes.json"
DAYS = 3
EPOCH = 1_959_936
ITEMS = 30
#: Bits of a fingerprint: the fewest, a number that ends inside a byte, the usual one.
BITS = (8, 13, 45)
SPANS = ((1, 1), (2, 10), (7, 30))


def low_cost() -> list[dict[str, Any]]:
    key, days = example_bytes("low-cost key", 32), []
    for day in range(DAYS):
        identifiers = dp3t.day_identifiers(key)
        days.append(
            {
                "day": day,
                "key": key.hex(),
                "first": identifiers[:16].hex(),
                "last": identifiers[-16:].hex(),
                "identifiers_sha256": hashlib.sha256(identifiers).hexdigest(),
            }
        )
        key = dp3t.next_day_key(key)
    return days


def unlinkable() -> dict[str, Any]:
    seeds = [example_bytes(f"seed {number}", 32) for number in range(ITEMS)]
    identifiers = [dp3t.seed_identifier(seed) for seed in seeds]
    observed = [
        dp3t.hashed_observation(identifier, EPOCH + number)
        for number, identifier in enumerate(identifiers)
    ]
    salt = example_bytes("filter salt", cuckoo.SALT_BYTES)
    return {
        "first_epoch": EPOCH,
        "seeds": [seed.hex() for seed in seeds],
        "identifiers": [identifier.hex() for identifier in identifiers],
        "hashed_observations": [item.hex() for item in observed],
        "filters": [
            cuckoo.build_filter(observed, salt, bits).encode().hex() for bits in BITS
        ],
    }


def tcn_case(first: int, last: int) -> dict[str, Any]:
    rak, memo = example_bytes(f"rak {first}", 32), b"memo" * (first - 1)
    signed = tcn.sign_report(rak, first, last, memo, first)
    return {
        "rak": rak.hex(),
        "rvk": signed.report.rvk.hex(),
        "first": first,
        "last": last,
        "memo_type": first,
        "memo": memo.hex(),
        "signed_report": signed.encode().hex(),
        "numbers": [number.hex() for number in signed.report.numbers()],
    }


def encoded() -> str:
    value = {
        "dp3t_low_cost": low_cost(),
        "dp3t_unlinkable": unlinkable(),
        "tcn": [tcn_case(*span) for span in SPANS],
    }
    return json.dumps(value, indent=1) + "\n"


if __name__ == "__main__":
    VECTORS.write_text(encoded())
