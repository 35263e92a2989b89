"""Reading of integers, and of maps with text keys."""

from damage import require

NUMBER_MAX = 2**53 - 1


def number(data, at, size):
    """A little-endian integer."""
    require(at + size <= len(data), "it ends too early")
    value = int.from_bytes(data[at : at + size], "little")
    require(value <= NUMBER_MAX, "a number is too large")
    return value


def varint(data, at):
    """A LEB128 integer in its shortest form, and where it ends."""
    value, shift = 0, 0
    while True:
        require(at < len(data), "it ends too early")
        byte = data[at]
        value |= (byte & 127) << shift
        require(value <= NUMBER_MAX, "a varint is too large")
        at += 1
        if byte < 128:
            require(byte != 0 or shift == 0, "a varint is not in its shortest form")
            return value, at
        shift += 7


def is_number(value, least=0, most=NUMBER_MAX):
    return type(value) is int and least <= value <= most


def is_bytes(value, size):
    return type(value) is bytes and len(value) == size


def field(record, name, kind, optional=False):
    """The value of a key of a map; kind is a type, a number of bytes, or a list with one kind."""
    require(type(record) is dict, "a map is missing")
    if name not in record:
        require(optional, f'"{name}" is missing')
        return None
    require(_fits(record[name], kind), f'"{name}" is malformed')
    return record[name]


def _fits(value, kind):
    if type(kind) is list:
        return type(value) is list and all(_fits(item, kind[0]) for item in value)
    if kind is int:
        return is_number(value)
    if type(kind) is int:
        return is_bytes(value, kind)
    return type(value) is kind
