"""What the `record` commands share: files of records, and what is in force before them.

What this module guarantees:

* What is in force comes from a chain that was verified here, or from files of which
  each is verified by the one before; never from memory.
* A file that is no record is refused without a word of what is in it: it may have been
  a key.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from cosignal.protocol.errors import CosignalError, MalformedError, UsageError
from cosignal.protocol.record_kinds import PolicyRecord
from cosignal.protocol.records import SignedRecord, parse_record, verify_record
from cosignal.server.commands.chains import ReadChain, reading
from cosignal.server.commands.terminal import count, read_file, read_policy, say
from cosignal.server.in_force import InForce, follow
from cosignal.server.record_files import RecordFile, parse_record_file

ChainBefore = Annotated[
    str, typer.Option("--chain", help="URL or folder of a node or mirror.")
]
PolicyBefore = Annotated[
    Path | None,
    typer.Option(
        "--policy", help="The network's pinned C2SP tlog-policy.", exists=True
    ),
]
InForceFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--in-force",
        help="Instead of --chain: a policy record, or the configuration in force; "
        "repeatable, every policy after the first one is needed.",
    ),
]


def read_in_force(
    chain: str,
    policy: Path | None,
    files: Sequence[Path],
    first: PolicyRecord | None,
    *,
    as_json: bool,
) -> InForce:
    """Verify what is in force, online or offline.

    Args:
        chain: URL or folder of a chain; empty for none.
        policy: The pinned policy; required with `chain`.
        files: Records in force, in the place of `chain`.
        first: The founding policy where it is known; else it must be among `files`.
        as_json: Show no progress.

    Returns:
        What the next record follows on.

    Raises:
        UsageError: Neither or both are given, or a file is no record.
        CosignalError: What is given does not verify.
    """
    if bool(chain) == bool(files) or (chain and policy is None):
        raise UsageError(
            "expected --chain with --policy, or --in-force files, got "
            f"{'both' if chain and files else 'neither'}",
            advice="Members and versions are judged by what is in force: name a node, "
            "or without network the records that its /chain/policy/ serves.",
        )
    if chain and policy is not None:
        with reading(chain, read_policy(policy), as_json=as_json) as found:
            return in_force_on(found)
    records = [_read_signed(file) for file in files]
    first = first or _founding(records)
    if policy is not None and not first.begins(read_policy(policy)):
        raise UsageError(
            "--in-force: expected the first policy that --policy stands for, got "
            "another",
            advice="Check that all files are of one network.",
        )
    return follow(first, records)


def in_force_on(found: ReadChain) -> InForce:
    """What is in force at a chain's newest checkpoint.

    Raises:
        UsageError: The chain has not begun.
    """
    if found.chain.policy is None:
        raise UsageError(
            "--chain: expected a chain that has begun, got an empty one",
            advice="Wait until the network's first checkpoint is out.",
        )
    return InForce(found.chain.policy, found.chain.configuration)


def read_record(file: Path) -> RecordFile:
    """Read a record that people sign, with its signatures so far.

    Raises:
        UsageError: The file cannot be read, or is no record.
    """
    try:
        return parse_record_file(read_file(file, str(file)))
    except MalformedError as error:
        raise UsageError(
            f"{file}: {error}",
            advice=error.advice or "Make one with `cosignal record draft`.",
        ) from error


def say_signed(
    file: Path, signed: RecordFile, changes: Sequence[str], *, as_json: bool
) -> None:
    """Say who has signed a record, and whose lines were dropped."""
    signers = signed.signers
    lines = [f"{file}: {count(len(signers), 'signature')}: {', '.join(signers)}"]
    if signed.dropped:
        lines.insert(0, dropped_line(signed))
    say(
        lines,
        {
            "file": str(file),
            "record": signed.record.text(),
            "changes": list(changes),
            "signers": signers,
            "dropped": list(signed.dropped),
        },
        as_json=as_json,
    )


def dropped_line(signed: RecordFile) -> str:
    """Say whose lines did not count."""
    return f"dropped, for they do not count: lines of {', '.join(signed.dropped)}"


def _read_signed(file: Path) -> SignedRecord:
    try:
        return parse_record(read_file(file, "--in-force"))
    except MalformedError as error:
        raise UsageError(
            f"--in-force: {file}: {error}",
            advice="Take it from /chain/policy/ or /chain/configuration/ of a node.",
        ) from error


def _founding(records: Sequence[SignedRecord]) -> PolicyRecord:
    for signed in records:
        record = signed.record
        if isinstance(record, PolicyRecord) and record.version == 1:
            try:
                verify_record(signed, None)
            except CosignalError as error:
                raise UsageError(f"--in-force: {error}", advice=error.advice) from error
            return record
    raise UsageError(
        "--in-force: expected the network's first policy among the files, got none",
        advice="It is the file `genesis`, or /chain/policy/1 of a node.",
    )
