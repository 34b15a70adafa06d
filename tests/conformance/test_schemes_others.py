"""Against the collected vectors of contact tracing schemes: those that we study."""

import hashlib
from collections.abc import Callable
from typing import Any

from cosignal.protocol.identifiers import dp3t, tcn

Load = Callable[[str], dict[str, Any]]


def test_low_cost_days_are_those_of_the_reference_implementation(
    load_vectors: Load,
) -> None:
    days = load_vectors("schemes")["dp3t_lowcost"]
    key = bytes.fromhex(days[0]["sk"])

    assert len(days) > 1
    for day in days:
        joined = dp3t.day_identifiers(key)
        identifiers = [joined[i : i + 16].hex() for i in range(0, len(joined), 16)]
        shown = day["ephids_sorted_unshuffled"]

        assert day["sk"] == key.hex()
        assert shown == {index: identifiers[int(index)] for index in shown}
        assert day["sha256_of_all_96_concat"] == hashlib.sha256(joined).hexdigest()
        key = dp3t.next_day_key(key)


def test_unlinkable_epochs_are_those_of_the_reference_implementation(
    load_vectors: Load,
) -> None:
    stored = load_vectors("schemes")["dp3t_unlinkable"]

    assert stored["ephid"]
    for case in stored["ephid"]:
        seed = bytes.fromhex(case["seed"])

        assert case["ephid"] == dp3t.seed_identifier(seed).hex()
    assert stored["hashed"]
    for case in stored["hashed"]:
        heard = dp3t.hashed_observation(bytes.fromhex(case["ephid"]), case["epoch"])

        assert case["hashed_observation"] == heard.hex()


def test_tcn_numbers_and_report_are_those_of_the_upstream_tests(
    load_vectors: Load,
) -> None:
    stored = load_vectors("schemes")["tcn"]
    rak = bytes.fromhex(stored["rak"])
    key, keys, numbers = tcn.initial_key(rak), dict[str, str](), dict[str, str]()
    keys["0"] = key.data.hex()
    for index in map(str, range(1, len(stored["tck"]))):
        key = key.ratchet()
        keys[index], numbers[index] = key.data.hex(), key.number().hex()

    assert stored["rvk"] == key.rvk.hex()
    assert stored["tck"] == keys
    assert stored["tcn"] == numbers


def test_a_tcn_report_is_signed_and_read_as_the_upstream_tests_do(
    load_vectors: Load,
) -> None:
    stored = load_vectors("schemes")["tcn"]
    told, rak = stored["report"], bytes.fromhex(stored["rak"])
    data = bytes.fromhex(told["signed_report"])
    memo, span = told["memo"].encode(), (told["j1"], told["j2"])

    signed = tcn.sign_report(rak, *span, memo, told["memo_type"])
    numbers = list(tcn.verify_report(tcn.parse_report(data)).numbers())

    assert data == signed.encode()
    assert numbers[:8] == [
        bytes.fromhex(stored["tcn"][str(index)]) for index in range(span[0], 10)
    ]
