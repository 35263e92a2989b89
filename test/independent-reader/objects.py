"""Headers, sealing, zstd frames, `config` and `mirror`: sections 3 to 5 of docs/format.md."""

import hashlib
import hmac
from dataclasses import dataclass

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import cbor
from damage import Damage, Newer, require
from fields import field, is_number, number

DATA_PACK, TREE_PACK, ENTRY, PAYLOAD, CHECKPOINT, KEY, CONFIG, MIRROR = range(1, 9)
HEADER_BYTES = 64
FRAME_WINDOW_MAX = 8 * 1024 * 1024


def sha256(data):
    return hashlib.sha256(data).digest()


def mac(key, data):
    return hmac.digest(key, data, "sha256")


def hkdf(secret, salt, info, size):
    """RFC 5869 with SHA-256."""
    extracted = mac(salt or bytes(32), secret)
    out, block = b"", b""
    for count in range(1, -(-size // 32) + 1):
        block = mac(extracted, block + info.encode() + bytes([count]))
        out += block
    return out[:size]


@dataclass(frozen=True)
class Header:
    raw: bytes
    kind: int
    suite: int
    slot: int
    key_id: int
    repository: bytes
    salt: bytes


def parse_header(data, kinds):
    """The header of an object of one of these kinds."""
    require(len(data) >= HEADER_BYTES, "it is shorter than a header")
    raw = bytes(data[:HEADER_BYTES])
    require(raw[:8] == b"VERSIONS", "it does not begin with the magic")
    if raw[8] != 1:
        raise Newer(f"its format version is {raw[8]}")
    kind, suite, slot, key_id, salt = raw[9], raw[10], raw[11], number(raw, 12, 4), raw[32:64]
    if suite > 1 or slot > 3 or not 1 <= kind <= 8:
        raise Newer("its header has a reserved value")
    require(kind in kinds, f"its kind is {kind}")
    if suite == 0 or kind in (CONFIG, MIRROR):
        require(slot == 0, "it has a key slot, but is not encrypted")
    elif kind == KEY:
        require(slot in (2, 3), "it is a key that needs no secret")
    else:
        require(slot == 1, "it is not encrypted with the master bundle")
    require((key_id > 0) == (slot == 1), "its key id does not go with its slot")
    require((salt == bytes(32)) == (kind in (CONFIG, MIRROR)), "its salt does not go with its kind")
    return Header(raw, kind, suite, slot, key_id, raw[16:32], salt)


def open_sealed(suite, key, position, aad, sealed):
    """The plaintext of a sealed part; raises Damage if a bit of it or of its surroundings moved."""
    require(len(sealed) >= 16, "a sealed part is shorter than its tag")
    nonce = position.to_bytes(4, "little") + bytes(8)
    if suite == 1:
        try:
            return AESGCM(key).decrypt(nonce, bytes(sealed), bytes(aad))
        except InvalidTag:
            raise Damage("a sealed part does not pass its tag") from None
    plain, tag = bytes(sealed[:-16]), bytes(sealed[-16:])
    require(sha256(aad + nonce + plain)[:16] == tag, "a sealed part does not pass its checksum")
    return plain


def decode_codec(codec, encoded, plain_bytes):
    """Undo codec 0 or 1 of a block or payload that must have so many bytes."""
    if codec == 0:
        plain = bytes(encoded)
    elif codec == 1:
        plain = _decode_frame(bytes(encoded), plain_bytes)
    else:
        raise Newer(f"it is encoded by codec {codec}")
    require(len(plain) == plain_bytes, "it has another length than its table says")
    return plain


def _decode_frame(frame, plain_bytes):
    require(frame[:4] == b"\x28\xb5\x2f\xfd", "it is not a zstd frame")
    try:
        told = zstandard.get_frame_parameters(frame)
        single = frame[4] & 32 != 0
        require(told.dict_id == 0, "its zstd frame needs a dictionary")
        require(single or told.window_size <= FRAME_WINDOW_MAX, "its zstd window is too large")
        sizes = (zstandard.CONTENTSIZE_UNKNOWN, plain_bytes)
        require(told.content_size in sizes, "its zstd frame tells another length")
        require(_frame_end(frame) == len(frame), "something follows its zstd frame")
        decoder = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        return decoder.decompress(frame, max_output_size=plain_bytes)
    except zstandard.ZstdError as error:
        raise Damage(f"its zstd frame is damaged: {error}") from None


def _frame_end(frame):
    """Where the first frame ends: RFC 8878, section 3.1.1."""
    descriptor = frame[4]
    single = descriptor >> 5 & 1
    content = (single, 2, 4, 8)[descriptor >> 6]
    at = 5 + (1 - single) + (0, 1, 2, 4)[descriptor & 3] + content
    while True:
        head = number(frame, at, 3)
        at += 3 + (1 if head >> 1 & 3 == 1 else head >> 3)
        if head & 1:
            return at + (4 if descriptor & 4 else 0)


def _parse_clear(data, kind):
    header = parse_header(data, (kind,))
    size = number(data, HEADER_BYTES, 4)
    end = 68 + size + (32 if kind == CONFIG else 0)
    require(size <= 65536 and len(data) == end + 32, "its length is wrong")
    require(sha256(data[:end]) == data[end:], "it does not match its own hash")
    return header, cbor.decode(data[68 : 68 + size])


@dataclass(frozen=True)
class Config:
    header: Header
    average: int
    block_bytes: int
    inline_bytes: int
    signed: bytes
    signature: bytes


def parse_config(data):
    """The object `config`, except for its HMAC, which needs the bundle."""
    header, body = _parse_clear(data, CONFIG)
    field(body, "created", int)
    chunker = field(body, "chunker", dict)
    if field(chunker, "algorithm", str) != "gear32-fastcdc":
        raise Newer("files are cut by another algorithm")
    low, average, high = (field(chunker, name, int) for name in ("min", "avg", "max"))
    require(4096 <= average <= 4 << 20 and average & average - 1 == 0, "the chunk size is odd")
    require((low, high) == (average // 4, average * 4), "the chunk sizes do not go together")
    block_bytes, inline_bytes = field(body, "blockBytes", int), field(body, "inlineBytes", int)
    require(is_number(block_bytes, 1, 16 << 20) and inline_bytes <= 256, "a size is too large")
    return Config(header, average, block_bytes, inline_bytes, data[:-64], data[-64:-32])


def parse_mirror(data):
    """The id in the object `mirror`, and its header."""
    header, body = _parse_clear(data, MIRROR)
    field(body, "created", int)
    return header, field(body, "id", 16)
