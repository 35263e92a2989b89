"""Secrets, key objects and the master bundle: section 6 of docs/format.md."""

import unicodedata
from dataclasses import dataclass

from argon2.low_level import Type, hash_secret_raw

import cbor
from damage import Damage, require
from fields import field, is_bytes, is_number, number
from objects import KEY, hkdf, mac, open_sealed, parse_header, sha256

DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SLOT_OF_SECRET = {"password": 2, "key": 3, "none": 0}
KDF_OF_SLOT = {2: "argon2id", 3: "hkdf", 0: "none"}


@dataclass(frozen=True)
class Secret:
    """What the user holds: a password (bytes of it), a key (32 bytes), or nothing."""

    kind: str
    value: bytes


def password_secret(text):
    require(text != "", "the empty password opens nothing")
    return Secret("password", unicodedata.normalize("NFC", text).encode())


def key_file_secret(text):
    """The key in the text of a key file."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    spelled = "".join("".join(lines).replace("-", "").split()).upper()
    spelled = spelled.translate(str.maketrans("OIL", "011"))
    require(len(spelled) == 56, "a key file has 56 characters")
    require(all(digit in DIGITS for digit in spelled), "a key file has a wrong character")
    value = 0
    for digit in spelled:
        value = value << 5 | DIGITS.index(digit)
    raw = value.to_bytes(35, "big")
    require(sha256(b"versions/1/key-file" + raw[:32])[:3] == raw[32:], "a key file is mistyped")
    return Secret("key", raw[:32])


class Bundle:
    """The master bundle, with the keys that come from it."""

    def __init__(self, raw, repository):
        body = cbor.decode(raw)
        names = {"version", "repository", "idKey", "chunkerSecret", "epochs"}
        require(type(body) is dict and set(body) == names, "the bundle has other keys")
        require(body["version"] == 1 and body["repository"] == repository, "it is another bundle")
        id_key, chunker = field(body, "idKey", 32), field(body, "chunkerSecret", 32)
        self.epochs, before = {}, 0
        for epoch in field(body, "epochs", [dict]):
            keys = {"data", "trees", "index", "journal", "mac"}
            require(set(epoch) == keys | {"epoch", "created"}, "an epoch has other keys")
            require(all(is_bytes(epoch[key], 32) for key in keys), "an epoch's key is malformed")
            require(is_number(epoch["created"]), "an epoch has no time")
            require(is_number(epoch["epoch"], before + 1, 2**32 - 1), "epochs are not in order")
            before = epoch["epoch"]
            self.epochs[before] = epoch
        require(1 <= len(self.epochs) <= 4096, "the bundle has too few or too many epochs")
        self._id_keys = [mac(id_key, b"versions/1/id/" + bytes([kind])) for kind in range(4)]
        self.identity = mac(id_key, b"versions/1/identity")
        self.page = mac(chunker, b"versions/1/pages")
        table = hkdf(chunker, b"", "versions/1/gear", 1024)
        self.gear = [number(table, 4 * index, 4) for index in range(256)]

    def chunk_id(self, kind, plain):
        return mac(self._id_keys[kind], plain)

    def object_key(self, header, name, purpose):
        """The key of one object, from that of its epoch."""
        if header.suite == 0:
            return None
        require(header.key_id in self.epochs, f"epoch {header.key_id} is not in the bundle")
        return hkdf(self.epochs[header.key_id][name], header.salt, f"versions/1/{purpose}", 32)


def open_key_object(data, config, secret):
    """The bundle in a key object; None if the object is for another kind of secret."""
    header = parse_header(data, (KEY,))
    require(header.repository == config.header.repository, "it is of another repository")
    require(header.suite == config.header.suite, "it has another suite than the repository")
    size = number(data, 64, 4)
    require(size <= 4096, "its parameters are too long")
    sealed_at = 72 + size
    sealed_bytes = number(data, sealed_at - 4, 4)
    require(sealed_bytes <= 1 << 20, "its bundle is too long")
    require(len(data) == sealed_at + sealed_bytes, "its length is wrong")
    parameters = cbor.decode(data[68 : 68 + size])
    field(parameters, "created", int)
    require(field(parameters, "kdf", str) == KDF_OF_SLOT[header.slot], "kdf and slot differ")
    if header.slot != SLOT_OF_SECRET[secret.kind]:
        return None
    derived = _derive(secret, parameters, header.salt)
    key = hkdf(derived, header.salt, "versions/1/key", 32) if header.suite else None
    aad = data[:sealed_at]
    return Bundle(open_sealed(header.suite, key, 0, aad, data[sealed_at:]), header.repository)


def _derive(secret, parameters, salt):
    if secret.kind != "password":
        return secret.value
    require(field(parameters, "version", int) == 19, "it needs another version of Argon2")
    passes, memory, lanes = (field(parameters, n, int) for n in ("passes", "memoryKiB", "lanes"))
    require(1 <= passes <= 16 and 1 <= lanes <= 16, "it needs too many passes or lanes")
    require(8 * lanes <= memory <= 2097152, "it needs too much or too little memory")
    return hash_secret_raw(secret.value, salt, passes, memory, lanes, 32, Type.ID, 19)


def open_any_key(objects, config, secret):
    """The bundle from the first of these (name, bytes) that the secret opens, checked with `config`."""
    reasons = []
    for name, data in objects:
        try:
            bundle = open_key_object(data, config, secret)
        except Damage as damage:
            reasons.append(f"{name}: {damage}")
            continue
        if bundle is not None:
            require(1 in bundle.epochs, "the bundle has no first epoch")
            signature = mac(bundle.epochs[1]["mac"], config.signed)
            require(signature == config.signature, "`config` does not pass its HMAC")
            return bundle
    raise Damage("; ".join(["no key object opens", *reasons]))
