import numpy as np
import pytest

from cosignal.protocol.errors import UsageError
from cosignal.simulator.streams import day_key, stream_key, uniforms


def test_a_key_of_a_day_is_taken_as_python_gives_it() -> None:
    ids = np.arange(50)
    keys = [day_key(stream_key(1, "x"), day) for day in range(8)]
    # Half of all keys have the highest bit; both halves are here.
    assert {True, False} == {key >= 1 << 63 for key in keys}

    for key in keys:
        expected = uniforms(np.uint64(key), ids, 3)
        assert expected.tolist() == uniforms(int(key), ids, 3).tolist()
        assert expected.tolist() == uniforms(key, ids.tolist(), 3).tolist()


@pytest.mark.parametrize("key", [-1, 1 << 64])
def test_a_key_of_other_than_64_bits_is_refused(key: int) -> None:
    with pytest.raises(UsageError, match="key: expected 64 bits"):
        uniforms(key, [1], 0)
