"""Deterministic CBOR as section 1 of docs/format.md defines it, and nothing else.

Values are int, bytes, str, bool, list and dict; a dict keeps the order of its encoding.
"""

from damage import Damage, require

DEPTH_MAX = 32
INTEGER_MAX = 2**53 - 1


def decode(data):
    """The one value that the bytes encode; raises Damage for everything not deterministic."""
    value, end = _decode(memoryview(data), 0, 0)
    require(end == len(data), "bytes follow the CBOR value")
    return value


def encode(value):
    """The one encoding of a value."""
    if value is True or value is False:
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        text = value.encode()
        return _head(3, len(text)) + text
    if isinstance(value, list):
        return _head(4, len(value)) + b"".join(map(encode, value))
    if isinstance(value, dict):
        items = sorted((encode(key), encode(item)) for key, item in value.items())
        return _head(5, len(items)) + b"".join(key + item for key, item in items)
    raise TypeError(f"no CBOR for {type(value)}")


def _head(major, number):
    if number < 24:
        return bytes([major << 5 | number])
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * size:
            return bytes([major << 5 | info]) + number.to_bytes(size, "big")
    raise ValueError("number too large")


def _decode(data, at, depth):
    require(depth <= DEPTH_MAX, "CBOR is nested too deeply")
    require(at < len(data), "CBOR ends too early")
    major, info = data[at] >> 5, data[at] & 31
    if major == 7:
        require(info in (20, 21), "CBOR holds a simple value other than false and true")
        return info == 21, at + 1
    require(major != 6, "CBOR holds a tag")
    number, at = _decode_number(data, at, info)
    if major == 0:
        return number, at
    if major == 1:
        require(number < INTEGER_MAX, "a CBOR integer is too small")
        return -1 - number, at
    if major in (2, 3):
        require(at + number <= len(data), "CBOR ends too early")
        content = bytes(data[at : at + number])
        return (content if major == 2 else _text(content)), at + number
    # Every item has at least one byte, so a longer count cannot be true.
    require(number <= len(data) - at, "CBOR ends too early")
    return (_list if major == 4 else _map)(data, at, number, depth)


def _decode_number(data, at, info):
    if info < 24:
        return info, at + 1
    require(info < 28, "CBOR has an indefinite or reserved length")
    size = 1 << info - 24
    require(at + 1 + size <= len(data), "CBOR ends too early")
    number = int.from_bytes(data[at + 1 : at + 1 + size], "big")
    least = 24 if size == 1 else 1 << 4 * size
    require(number >= least, "a CBOR number is not in its shortest form")
    require(number <= INTEGER_MAX, "a CBOR integer is too large")
    return number, at + 1 + size


def _text(content):
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise Damage("CBOR text is not UTF-8") from None


def _list(data, at, count, depth):
    items = []
    for _ in range(count):
        item, at = _decode(data, at, depth + 1)
        items.append(item)
    return items, at


def _map(data, at, count, depth):
    items, before = {}, None
    for _ in range(count):
        start = at
        key, at = _decode(data, at, depth + 1)
        require(type(key) in (int, str), "a CBOR key is neither an integer nor text")
        require(not items or type(next(iter(items))) is type(key), "CBOR keys are of two types")
        encoded = bytes(data[start:at])
        require(before is None or before < encoded, "CBOR keys are not in order, or twice")
        before = encoded
        items[key], at = _decode(data, at, depth + 1)
    return items, at
