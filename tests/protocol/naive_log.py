"""The log's formats a second time, slow and as close to the specifications as can be.

Trees are recursive as in RFC 6962 section 2.1, notes are split line by line, Ed25519 is
the `cryptography` package's. Nothing here uses `cosignal`.
"""

import base64
import hashlib
import struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def tree_hash(entries: list[bytes]) -> bytes:
    """MTH(D[n])."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = largest_power_below(len(entries))
    both = tree_hash(entries[:k]) + tree_hash(entries[k:])
    return hashlib.sha256(b"\x01" + both).digest()


def path(m: int, entries: list[bytes]) -> list[bytes]:
    """PATH(m, D[n])."""
    if len(entries) == 1:
        return []
    k = largest_power_below(len(entries))
    if m < k:
        return [*path(m, entries[:k]), tree_hash(entries[k:])]
    return [*path(m - k, entries[k:]), tree_hash(entries[:k])]


def proof(m: int, entries: list[bytes]) -> list[bytes]:
    """PROOF(m, D[n])."""
    return subproof(m, entries, whole=True)


def subproof(m: int, entries: list[bytes], *, whole: bool) -> list[bytes]:
    """SUBPROOF(m, D[n], b)."""
    if m == len(entries):
        return [] if whole else [tree_hash(entries)]
    k = largest_power_below(len(entries))
    if m <= k:
        return [*subproof(m, entries[:k], whole=whole), tree_hash(entries[k:])]
    return [*subproof(m - k, entries[k:], whole=False), tree_hash(entries[:k])]


def largest_power_below(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def read_note(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Text, and name with decoded blob of every signature line."""
    lines = note.split("\n")
    blank = max(i for i, line in enumerate(lines[:-1]) if not line)
    signatures = []
    for line in lines[blank + 1 : -1]:
        dash, name, blob = line.split(" ")
        assert dash == "\u2014"
        signatures.append((name, base64.b64decode(blob)))
    return "".join(f"{line}\n" for line in lines[:blank]), signatures


def signers(note: str, vkeys: list[str]) -> list[str]:
    """Names of those whose signature holds; a bad one by a known key raises."""
    text, signatures = read_note(note)
    names = []
    for name, blob in signatures:
        for vkey in vkeys:
            key_name, key_id, material = vkey.split("+", 2)
            if (key_name, bytes.fromhex(key_id)) != (name, blob[:4]):
                continue
            key = base64.b64decode(material)
            message, signature = text.encode(), blob[4:]
            if key[0] == 4:
                (time,) = struct.unpack(">Q", signature[:8])
                message = f"cosignature/v1\ntime {time}\n{text}".encode()
                signature = signature[8:]
            Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature, message)
            names.append(name)
    return names


def is_signed_by(note: str, vkey: str) -> bool:
    try:
        return bool(signers(note, [vkey]))
    except InvalidSignature:
        return False


def tile_files(entries: list[bytes], size: int) -> dict[str, bytes]:
    """Every tile and bundle that a log of a size must serve, by path."""
    files = {}
    for start in range(0, size, 256):
        part = entries[start : min(start + 256, size)]
        path = naive_path("entries", start // 256, len(part))
        files[path] = b"".join(struct.pack(">H", len(e)) + e for e in part)
    level, span = 0, 1
    while span <= size:
        hashes = [
            tree_hash(entries[i * span : (i + 1) * span]) for i in range(size // span)
        ]
        for start in range(0, len(hashes), 256):
            part = hashes[start : start + 256]
            files[naive_path(str(level), start // 256, len(part))] = b"".join(part)
        level, span = level + 1, span * 256
    return files


def naive_path(kind: str, index: int, width: int) -> str:
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    number = "/".join(["x" + part for part in parts[:-1]] + [parts[-1]])
    return f"tile/{kind}/{number}" + ("" if width == 256 else f".p/{width}")
