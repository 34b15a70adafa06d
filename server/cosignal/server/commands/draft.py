"""`cosignal record draft`: write a record for authorities to sign.

What this module guarantees:

* A draft follows on a chain that was verified here: network, version and what it does
  not change come from there, not from memory.
* It leaves room for the signatures of all who may sign it.
* A file that exists is never touched.

There is no draft of a seal: nodes do not begin a second shard yet, and one that ended
without a next one would be the end of the network.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cosignal.client.atomic_files import create_file
from cosignal.protocol.errors import MalformedError, RefusedError, UsageError
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.record_kinds import ONSET_CLASS, ONSET_EXACT, REVOCATION_REASONS
from cosignal.protocol.records import (
    ConfigurationRecord,
    PolicyRecord,
    Record,
    RevocationRecord,
    parse_record_text,
)
from cosignal.server.commands.chains import reading
from cosignal.server.commands.parameters import read_parameters
from cosignal.server.commands.record_options import in_force_on, read_in_force
from cosignal.server.commands.terminal import Json, PolicyFile, read_policy, say
from cosignal.server.in_force import InForce, check_room
from cosignal.server.network import DAY_SECONDS
from cosignal.server.record_files import draft_of

app = typer.Typer(help="Write a record for others to sign.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="File to make.")]
ChainAddress = Annotated[
    str, typer.Option("--chain", help="URL or folder of a node or mirror.")
]


@app.command("configuration")
def configuration(
    file: File,
    *,
    chain: ChainAddress = "",
    policy: Annotated[
        Path | None,
        typer.Option(help="The network's pinned C2SP tlog-policy.", exists=True),
    ] = None,
    network: Annotated[
        str,
        typer.Option(help="Instead of --chain, for a network that is being founded."),
    ] = "",
    parameters: Annotated[
        Path | None, typer.Option(help="TOML file of parameters to change.")
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", help="A parameter as name=value; repeatable."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Draft the next configuration: by which parameters phones weigh encounters.

    What is not named stays as it is in force; the first one begins with the defaults.

    Example: cosignal record draft configuration next --chain http://127.0.0.1:8081
    --policy trial/policy --set alert-day-score=1200
    """
    if bool(network) == bool(chain) or bool(chain) != bool(policy):
        raise UsageError(
            "draft: expected --chain with --policy, or --network alone",
            advice="--chain says what is in force; only a network that does not run "
            "yet has no chain to read.",
        )
    base = read_in_force(chain, policy, (), None, as_json=as_json) if chain else None
    before = ConfigurationRecord(
        base.policy.network if base else network, 0, ExposureConfiguration()
    )
    if base is not None and base.configuration is not None:
        before = base.configuration
    chosen = read_parameters(before.parameters, parameters, change or ())
    if before.version and chosen == before.parameters:
        raise RefusedError(
            f"draft: expected a change to configuration version {before.version}, "
            "got none",
            advice="Name what shall differ with --set or --parameters.",
        )
    record = replace(before, version=before.version + 1, parameters=chosen)
    _write(file, record, base, as_json=as_json)


@app.command("revocation")
def revocation(
    file: File,
    chain: ChainAddress,
    policy: PolicyFile,
    commit: Annotated[
        str, typer.Option(help="The block's commitment, as `keys match --json` says.")
    ],
    reason: Annotated[str, typer.Option(help=f"{', '.join(REVOCATION_REASONS)}.")],
    *,
    as_json: Json = False,
) -> None:
    """Draft the revocation of a block that has not expired; its issuer signs it.

    Example: cosignal record draft revocation withdrawn --chain http://127.0.0.1:8081
    --policy trial/policy --commit 5f7a... --reason faulty-test
    """
    with reading(chain, read_policy(policy), as_json=as_json) as found:
        blocks = [
            item.record
            for item in found.store.blocks
            if item.record.commit.hex() == commit.lower()
        ]
        base = in_force_on(found)
    if not blocks:
        raise UsageError(
            "--commit: expected that of a block on the chain that has not expired",
            advice="It is 64 hexadecimal digits, the name of the body's file.",
        )
    network = base.policy.network
    record = RevocationRecord(network, blocks[0].issuer, blocks[0].commit, reason)
    _write(file, record, base, as_json=as_json)


@app.command("policy")
def policy_version(
    file: File,
    chain: ChainAddress,
    policy: PolicyFile,
    *,
    minimum: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="Fewest keys in a block.")
    ] = None,
    retention_days: Annotated[
        int | None, typer.Option(min=1, max=365, help="Life of a body.")
    ] = None,
    onset: Annotated[
        str | None, typer.Option(help=f"{ONSET_CLASS} or {ONSET_EXACT}.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Draft the next policy with other parameters and the same members.

    For other members, keys or addresses change the draft by hand: `record sign` reads
    it again, and refuses what no node would accept.

    Example: cosignal record draft policy next --chain http://127.0.0.1:8081
    --policy trial/policy --minimum 100
    """
    with reading(chain, read_policy(policy), as_json=as_json) as found:
        base = in_force_on(found)
    before = base.policy
    seconds = before.retention
    if retention_days is not None:
        seconds = retention_days * DAY_SECONDS
    record = PolicyRecord(
        before.network,
        before.version + 1,
        before.onset if onset is None else onset,
        before.minimum if minimum is None else minimum,
        seconds,
        before.issuers,
        before.trust_text,
    )
    _write(file, record, base, as_json=as_json)


def _write(file: Path, record: Record, base: InForce | None, *, as_json: bool) -> None:
    try:
        parse_record_text(record.text())
    except MalformedError as error:
        raise UsageError(f"draft: {error}", advice=error.advice) from error
    if base is not None:
        check_room(record, base.counting(record))
    try:
        create_file(file, draft_of(record).encode())
    except FileExistsError as error:
        raise RefusedError(
            f"{file}: expected no such file, got one",
            advice="Name another file; one that holds signatures is never overwritten.",
        ) from error
    text = record.text()
    say(
        text.rstrip("\n").split("\n"),
        {"file": str(file), "record": text},
        as_json=as_json,
    )
