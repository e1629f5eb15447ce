#!/usr/bin/env python3
"""
Check a Mikrobot dispute pack, without Mikrobot: python3 verify.py PACK.zip [--key PUBLIC_KEY]

Needs Python 3.9 and nothing else. It proves that the pack is as it was signed: every file, every line of the decision log in
its place, every answer the one that was given, every signed head the head of that line. Whose key signed it is for you to
compare: with the one the platform publishes (/api/v1/evidence/keys), or better, with one written down before the dispute.

Ends with 0 where everything holds, 1 where anything does not, 2 where the pack cannot be read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

Files = dict[str, bytes]
Finding = tuple[bool, str]
Point = tuple[int, int, int, int]

MOST_FILE_BYTES = 512 * 1024 * 1024
SIGNATURE, MANIFEST = "manifest.sig.json", "manifest.json"

# --- Ed25519 (RFC 8032, section 5.1.7), in plain integers -------------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def _add(a: Point, b: Point) -> Point:
    """Add two points in extended coordinates."""
    m, n = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = n - m, d - c, d + c, n + m
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _multiply(scalar: int, point: Point) -> Point:
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = _add(result, point)
        point, scalar = _add(point, point), scalar >> 1
    return result


def _same(a: Point, b: Point) -> bool:
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def _recover_x(y: int, sign: int) -> int | None:
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P)
    if x2 % P == 0:
        return None if sign else 0
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * SQRT_M1 % P
    if (x * x - x2) % P:
        return None
    return P - x if (x & 1) != sign else x


def _decompress(data: bytes) -> Point | None:
    number = int.from_bytes(data, "little")
    y, sign = number & (2**255 - 1), number >> 255
    x = _recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = _recover_x(BASE_Y, 0) or 0
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def is_signed(message: bytes, signature: bytes, public_key: bytes) -> bool:
    """Say whether the owner of the public key (32 bytes) made this signature (64 bytes) of the message (bytes)."""
    if len(public_key) != 32 or len(signature) != 64:
        return False
    a, r = _decompress(public_key), _decompress(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= ORDER:
        return False
    digest = hashlib.sha512(signature[:32] + public_key + message).digest()
    h = int.from_bytes(digest, "little") % ORDER
    return _same(_multiply(s, BASE), _add(r, _multiply(h, a)))


# --- the pack ---------------------------------------------------------------------------------------------------------


class Unreadable(Exception):
    """The file is no dispute pack at all."""


def read_pack(path: str | os.PathLike[str]) -> Files:
    """Return the files of a pack, a ZIP file or a folder, as {name: bytes}."""
    try:
        if os.path.isdir(path):
            return dict(_read_folder(path))
        with zipfile.ZipFile(path) as pack:
            names = [entry.filename for entry in pack.infolist()]
            if len(names) != len(set(names)):
                raise Unreadable("a name stands twice in the ZIP file")
            if sum(entry.file_size for entry in pack.infolist()) > MOST_FILE_BYTES:
                raise Unreadable("the files are larger than any pack of ours")
            return {name: pack.read(name) for name in names}
    except (OSError, zipfile.BadZipFile, RuntimeError) as error:
        raise Unreadable(str(error)) from error


def _read_folder(path: str | os.PathLike[str]) -> Iterator[tuple[str, bytes]]:
    for folder, _, names in os.walk(path):
        for name in names:
            whole = os.path.join(folder, name)
            with open(whole, "rb") as file:
                yield os.path.relpath(whole, path).replace(os.sep, "/"), file.read()


def check(files: Files, keys: Iterable[str] = ()) -> Iterator[Finding]:
    """
    Yield (holds, words) for each thing that is checked.

    :param keys: the public keys, in hexadecimal, one of which must have signed; any key where there are none.
    """
    trusted = {key.lower().strip() for key in keys}
    try:
        manifest, seal = json.loads(files[MANIFEST]), json.loads(files[SIGNATURE])
        public_key, signature = bytes.fromhex(seal["public_key"]), bytes.fromhex(seal["signature"])
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"manifest or signature cannot be read: {error}") from error
    yield is_signed(files[MANIFEST], signature, public_key), f"the manifest is signed with key {public_key.hex()}"
    if trusted:
        yield public_key.hex() in trusted, "that key is one you gave"
    yield from _check_files(files, manifest)
    yield from _check_log(files, manifest, trusted)


def _check_files(files: Files, manifest: dict[str, Any]) -> Iterator[Finding]:
    listed = manifest["files"]
    found = set(files) - {MANIFEST, SIGNATURE}
    yield found == set(listed), f"the files are those of the manifest{_say(sorted(found ^ set(listed)))}"
    wrong = [
        name
        for name, said in sorted(listed.items())
        if name in files
        and (hashlib.sha256(files[name]).hexdigest(), len(files[name])) != (said["sha256"], said["bytes"])
    ]
    yield not wrong, f"every file is as it was signed{_say(wrong)}"


def _check_log(files: Files, manifest: dict[str, Any], trusted: set[str]) -> Iterator[Finding]:
    lines = [json.loads(line) for line in files["decisions.jsonl"].splitlines()]
    span = manifest["log"]
    numbers = [line["number"] for line in lines]
    first = span["first"]
    yield (
        numbers == list(range(first, first + len(lines))) and len(lines) == span["lines"],
        ("the log has lines {} to {}, none left out, none twice".format(first, span["last"])),
    )
    previous, broken = span["previous_hash"], []
    for line in lines:
        text = "{}\n{}".format(line["previous_hash"], line["body"])
        if line["previous_hash"] != previous or hashlib.sha256(text.encode()).hexdigest() != line["hash"]:
            broken.append(line["number"])
        previous = line["hash"]
    yield not broken, f"every line follows the one before it{_say(broken)}"
    yield previous == span["head"], "the last line is the signed one"
    yield from _check_anchors(files, {line["number"]: line["hash"] for line in lines}, manifest, trusted)
    bodies = [(line["number"], json.loads(line["body"])) for line in lines]
    yield from _check_answers(files, bodies)
    yield from _check_documents(files, bodies)


def _check_anchors(
    files: Files, hashes: dict[int, str], manifest: dict[str, Any], trusted: set[str]
) -> Iterator[Finding]:
    wrong, count = [], 0
    for line in files["anchors.jsonl"].splitlines():
        anchor = json.loads(line)
        said = json.loads(anchor["body"])
        good = not trusted or anchor["public_key"] in trusted
        good = good and is_signed(
            anchor["body"].encode(), bytes.fromhex(anchor["signature"]), bytes.fromhex(anchor["public_key"])
        )
        count += 1
        if not good or hashes.get(said["number"]) != said["head"] or said["account"] != manifest["account"]:
            wrong.append(said["number"])
    yield not wrong, f"{count} heads signed on the day are the heads of those lines{_say(wrong)}"


def _check_answers(files: Files, bodies: list[tuple[int, dict[str, Any]]]) -> Iterator[Finding]:
    rows = json.loads(files["approvals.json"])
    answers = {row["approval_id"]: row for row in rows}
    logged = {body["approval"]: (number, body) for number, body in bodies if body.get("kind") == "approval"}
    wrong = sorted(set(answers) ^ set(logged)) if len(answers) == len(rows) else ["an approval stands twice"]
    for name, (_, body) in sorted(logged.items()):
        row = answers.get(name)
        if row is None:
            continue
        answer = json.loads(row["response"])
        given = hashlib.sha256(row["response"].encode()).hexdigest() == body["response"]
        if not given or (answer["approved"], answer["reason_code"]) != (body["approved"], body["reason"]):
            wrong.append(name)
    yield not wrong, f"each of {len(logged)} answers is the one the log names{_say(wrong)}"


def _check_documents(files: Files, bodies: list[tuple[int, dict[str, Any]]]) -> Iterator[Finding]:
    wanted = {
        body[key]
        for _, body in bodies
        for key in ("limits", "terms", "state")
        if isinstance(body.get(key), str) and len(body[key]) == 64
    }
    wrong = [
        name for name in sorted(wanted) if hashlib.sha256(files.get(f"documents/{name}.json", b"")).hexdigest() != name
    ]
    yield not wrong, f"the limits and symbol terms it was judged by are the ones it names{_say(wrong)}"


def _say(names: list[Any]) -> str:
    return "" if not names else ": not " + ", ".join(str(name) for name in names[:10])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", help="the ZIP file, or the folder it was unpacked to")
    parser.add_argument("--key", action="append", default=[], help="a public key you trust, 64 hexadecimal letters")
    given = parser.parse_args(arguments)
    try:
        files = read_pack(given.pack)
        results = list(check(files, given.key))
        manifest = json.loads(files[MANIFEST])
    except (Unreadable, KeyError, TypeError, ValueError, AttributeError) as error:
        print(f"This is no dispute pack, or it was spoiled: {error}", file=sys.stderr)
        return 2
    print("{}, account {}, trading day {}".format(given.pack, manifest["code"], manifest["day"]))
    for holds, words in results:
        print("  {}  {}".format("ok    " if holds else "FAILED", words))
    if all(holds for holds, _ in results):
        print("Everything holds." + ("" if given.key else " Compare the key with one you trust: --key"))
        return 0
    print("This pack is NOT as it was signed.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
