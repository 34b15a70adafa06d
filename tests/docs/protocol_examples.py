"""The bytes that docs/reference/protocol.md shows, made by the code.

`python -m tests.docs.protocol_examples` prints them all. Keys are derived from their
names and times are fixed, so the page can be compared to the byte.
"""

import sys
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256

from cosignal.protocol.blocks import seal_block
from cosignal.protocol.certificates import UploadedKey, tek_mac
from cosignal.protocol.checkpoints import (
    Checkpoint,
    cosign,
    merge_signatures,
    sign_checkpoint,
)
from cosignal.protocol.diagnosis_keys import DiagnosisKey, Infectiousness, ReportType
from cosignal.protocol.entries import NO_LEAF, Entry
from cosignal.protocol.evidence import find_evidence
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.keys import ALG_COSIGNATURE, ALG_ED25519, SignerKey
from cosignal.protocol.merkle import CompactRange, leaf_hash, prefix_proof
from cosignal.protocol.policy import (
    Log,
    Policy,
    Witness,
    authorities_policy,
    parse_policy,
)
from cosignal.protocol.records import (
    BlockRecord,
    ConfigurationRecord,
    GenesisRecord,
    Issuer,
    PolicyRecord,
    RevocationRecord,
    SealRecord,
    parse_record,
    sign_record,
)
from cosignal.server.intake.receipts import ReceiptWriter

NETWORK = "demo.cosignal.example"
NAMES = [f"authority-{number}" for number in (1, 2, 3, 4)]
REGIONS = ["NO", "SO", "EA", "WE"]
START = 2_939_904  # a midnight, UTC
TIME = 1_764_086_400
RETENTION = 14 * 86_400


def _seed(text: str) -> bytes:
    return sha256(text.encode()).digest()


def _signer(name: str, kind: int) -> SignerKey:
    return SignerKey(name, kind, _seed(f"{kind} {name}"))


LOG = _signer(f"{NETWORK}/1", ALG_ED25519)
ISSUERS = [_signer(f"{name}.{NETWORK}/issuer", ALG_ED25519) for name in NAMES]
COSIGNERS = [_signer(f"{name}.{NETWORK}", ALG_COSIGNATURE) for name in NAMES]


def policy_text() -> bytes:
    urls = [f"https://{name}.example" for name in NAMES]
    witnesses = [
        Witness(name, signer.verifier, url)
        for name, signer, url in zip(NAMES, COSIGNERS, urls, strict=True)
    ]
    return authorities_policy(Log(LOG.verifier, urls[0]), witnesses)


def trust() -> Policy:
    return parse_policy(policy_text())


def policy_record() -> PolicyRecord:
    issuers = tuple(
        Issuer(name, region, signer.verifier)
        for name, region, signer in zip(NAMES, REGIONS, ISSUERS, strict=True)
    )
    text = policy_text().decode()
    return PolicyRecord(NETWORK, 1, "class", 5, RETENTION, issuers, text)


def _keys() -> list[DiagnosisKey]:
    kinds = [
        (START - 144, 144, Infectiousness.STANDARD),
        (START - 144, 144, Infectiousness.STANDARD),
        (START, 144, Infectiousness.HIGH),
        (START, 144, Infectiousness.HIGH),
        (START, 60, Infectiousness.HIGH),
    ]
    return [
        DiagnosisKey(
            _seed(f"key {i}")[:16], start, period, ReportType.CONFIRMED_TEST, kind
        )
        for i, (start, period, kind) in enumerate(kinds)
    ]


def block() -> tuple[bytes, bytes]:
    """A record and its body."""
    return seal_block(
        _keys(),
        salt=_seed("salt"),
        network=NETWORK,
        issuer=NAMES[1],
        region=REGIONS[1],
        expires=TIME + RETENTION - 300,
        signer=ISSUERS[1],
    )


def entries() -> list[bytes]:
    """The first two entries of shard 1."""
    found: list[bytes] = []
    for record in (sign_record(policy_record(), *ISSUERS[:3]), block()[0]):
        prev = leaf_hash(found[-1]) if found else NO_LEAF
        time = TIME if found else TIME - 3_600
        found.append(Entry(len(found), prev, time, record).encode())
    return found


def checkpoint(tree: Sequence[bytes], signers: Sequence[SignerKey]) -> bytes:
    """A tree's checkpoint, by the log and by some authorities."""
    root = CompactRange().extend([leaf_hash(entry) for entry in tree]).root()
    note = sign_checkpoint(Checkpoint(f"{NETWORK}/1", len(tree), root), LOG)
    lines = [
        cosign(note.text, signer, TIME + number)
        for number, signer in enumerate(signers)
    ]
    return merge_signatures(note, lines).encode()


def equivocation() -> bytes:
    """Evidence: one authority co-signed two roots for size 2."""
    first, second = entries()
    other = second.replace(b"issuer authority-2\n", b"issuer authority-3\n")
    notes = [
        checkpoint([first, second], COSIGNERS[1:3]),
        checkpoint([first, other], COSIGNERS[2:4]),
    ]
    found = find_evidence(notes[0], notes[1], trust())
    return found[1].encode()


def inconsistency() -> bytes:
    """Evidence: size 1 and size 2 do not continue each other."""
    first, second = entries()
    leaves = [leaf_hash(first), leaf_hash(second)]
    other = first.replace(b"minimum 5\n", b"minimum 9\n")
    proof = prefix_proof(1, 2, lambda _level, index: leaves[index])
    found = find_evidence(
        checkpoint([other], COSIGNERS[:1]),
        checkpoint([first, second], COSIGNERS[:1]),
        trust(),
        proof,
    )
    return found[0].encode()


def _commit() -> bytes:
    record = parse_record(block()[0]).record
    assert isinstance(record, BlockRecord)
    return record.commit


def _receipt() -> str:
    writer = ReceiptWriter(NETWORK, NAMES[1], ISSUERS[1])
    keys = [key.data for key in _keys()]
    return writer.write(keys, TIME - 7_200, TIME)


def _mac() -> str:
    keys = [
        UploadedKey(b64encode(key.data).decode(), key.start, key.period)
        for key in _keys()[1:3]
    ]
    text = ",".join(
        f"{key.key_text}.{key.start}.{key.period}.0"
        for key in sorted(keys, key=lambda key: key.key_text)
    )
    secret = _seed("secret")
    mac = tek_mac(secret, keys)
    return f"secret  {secret.hex()}\ntext    {text}\nmac     {mac.hex()}\n"


def _hex(data: bytes) -> str:
    return "".join(f"{data[i : i + 32].hex()}\n" for i in range(0, len(data), 32))


def examples() -> dict[str, str]:
    """What the page shows, by what it is."""
    first, second = entries()
    configuration = ConfigurationRecord(NETWORK, 1, ExposureConfiguration())
    revocation = RevocationRecord(NETWORK, NAMES[1], _commit(), "faulty-test")
    seal, genesis = (
        SealRecord(NETWORK, "1"),
        GenesisRecord(
            NETWORK,
            "2",
            "1",
            2,
            CompactRange().extend([leaf_hash(e) for e in (first, second)]).root(),
        ),
    )
    return {
        "secret key": f"{ISSUERS[1].encode()}\n",
        "entry": second.decode(),
        "body": _hex(block()[1]),
        "policy record": first.decode().partition("\n\n")[2],
        "configuration": sign_record(configuration, *ISSUERS[:3]).decode(),
        "revocation": sign_record(revocation, ISSUERS[1]).decode(),
        "seal": sign_record(seal, *ISSUERS[:3]).decode(),
        "genesis": sign_record(genesis, *ISSUERS[:3]).decode(),
        "checkpoint": checkpoint([first, second], COSIGNERS[:3]).decode(),
        "receipt": _receipt(),
        "mac": _mac(),
        "equivocation": equivocation().decode(),
        "inconsistency": inconsistency().decode(),
    }


if __name__ == "__main__":
    for name, text in examples().items():
        sys.stdout.write(f"==== {name}\n{text}")
