"""Every wrong configuration is refused with the field and the fix."""

from pathlib import Path

import pytest

from cosignal.protocol.errors import RefusedError
from cosignal.server.config import load_config
from cosignal.server.network import NetworkPlan, write_network
from tests.strategies import counted_entropy


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    plan = NetworkPlan.on_loopback("test.cosignal.example", [9001])
    return write_network(tmp_path / "network", plan, counted_entropy())[0]


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_a_new_networks_configuration_is_read(config_file: Path) -> None:
    config = load_config(config_file)

    assert config.node.name == "authority-1"
    assert (config.node.host, config.node.port) == ("127.0.0.1", 9001)
    assert config.node.data == config_file.parent / "data"
    assert config.intake.short_code_minutes == 15
    assert config.limits.request_seconds == 30


def test_an_unknown_key_is_refused_by_its_name(config_file: Path) -> None:
    edit(config_file, "[node]", '[node]\nnmae = "x"')

    with pytest.raises(RefusedError, match=r"node\.nmae: unknown key") as caught:
        load_config(config_file)

    assert "Remove node.nmae or correct its spelling" in caught.value.advice


def test_a_missing_key_is_refused_by_its_name(config_file: Path) -> None:
    edit(config_file, 'network = "test.cosignal.example"\n', "")

    with pytest.raises(RefusedError, match=r"node\.network: missing key") as caught:
        load_config(config_file)

    assert "Add node.network" in caught.value.advice


def test_a_missing_table_is_refused_by_its_name(config_file: Path) -> None:
    lines = config_file.read_text().split("\n\n")
    config_file.write_text("\n\n".join(x for x in lines if not x.startswith("[keys]")))

    with pytest.raises(RefusedError, match="config: keys: missing key"):
        load_config(config_file)


@pytest.mark.parametrize(
    ("table", "line", "field"),
    [
        ("[sealing]", "", "sealing.interval_seconds"),
        ("[intake]", "short_code_digits = 6", "intake.short_code_digits"),
        ("[intake]", "hold_minutes = 10", "intake.hold_minutes"),
        ("[node]", 'listen = "somewhere"', "node.listen"),
        ("[node]", 'listen = "127.0.0.1:99999"', "node.listen"),
        ("[node]", 'url = "ftp://x"', "node.url"),
    ],
)
def test_a_value_out_of_range_is_refused_by_its_name(
    config_file: Path, table: str, line: str, field: str
) -> None:
    name = field.partition(".")[2]
    rows = config_file.read_text().splitlines()
    rows = [row for row in rows if not row.startswith(f"{name} =")]
    at = rows.index(table) + 1
    config_file.write_text("\n".join([*rows[:at], line or f"{name} = 0", *rows[at:]]))

    with pytest.raises(RefusedError, match=field):
        load_config(config_file)


def test_a_missing_key_file_is_refused_by_the_field_that_names_it(
    config_file: Path,
) -> None:
    (config_file.parent / "keys" / "codes.key").unlink()

    with pytest.raises(RefusedError, match=r"keys\.codes: expected a key file"):
        load_config(config_file)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_key_readable_by_others_is_refused_with_the_fix(
    config_file: Path, mode: int
) -> None:
    key = config_file.parent / "keys" / "issuer.key"
    key.chmod(mode)

    with pytest.raises(RefusedError, match=r"keys\.issuer: .*only its owner") as caught:
        load_config(config_file)

    assert f"chmod 600 {key}" in caught.value.advice


def test_a_missing_policy_is_refused_by_its_field(config_file: Path) -> None:
    edit(config_file, '"../policy"', '"../polisy"')

    with pytest.raises(RefusedError, match=r"node\.policy: expected a file"):
        load_config(config_file)


def test_a_missing_file_is_refused_with_the_command_that_makes_one(
    tmp_path: Path,
) -> None:
    with pytest.raises(
        RefusedError, match="config: expected a readable file"
    ) as caught:
        load_config(tmp_path / "none.toml")

    assert "cosignal network new" in caught.value.advice


def test_text_that_is_no_toml_is_refused(config_file: Path) -> None:
    config_file.write_bytes(b"\xff[[")

    with pytest.raises(RefusedError, match="config"):
        load_config(config_file)


def test_a_missing_field_of_an_api_key_is_refused_by_its_name(
    config_file: Path,
) -> None:
    edit(config_file, 'audience = "device"\n', "")

    with pytest.raises(RefusedError, match=r"api_keys\[0\]\.audience: missing key"):
        load_config(config_file)
