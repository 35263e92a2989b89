"""Tree pages, entries, list pages and snapshot records: sections 9 and 10 of docs/format.md."""

from dataclasses import dataclass

import cbor
from damage import Newer, require
from fields import field, is_bytes, is_number, number
from objects import mac
from packs import DATA, LIST, SNAPSHOT, TREE

FILE, DIRECTORY, SYMLINK, FIFO, CHARACTER, BLOCK, SOCKET = range(7)
LEVEL_MAX = 15
UINT32_MAX = 2**32 - 1
REMARK_UNREADABLE = 2

# Keys 0 to 25 and the kinds of entry that may have them; None: all.
KINDS_OF_KEY = {
    **dict.fromkeys((0, 1, 2, 3, 4, 5, 6, 17, 18, 20, 21, 22, 25)),
    **dict.fromkeys((9, 10, 11, 12, 13, 24), {FILE}),
    14: {SYMLINK},
    15: {DIRECTORY},
    16: {CHARACTER, BLOCK},
    19: {FILE, SYMLINK, FIFO, CHARACTER, BLOCK, SOCKET},
    23: {FILE, DIRECTORY},
}
UINT32_KEYS = (5, 6, 23, 25)


def check_entry(entry, root=False):
    """Hold an entry's map against the table of section 9; of the root neither name nor tree."""
    require(type(entry) is dict and all(is_number(key) for key in entry), "an entry is malformed")
    kind = entry.get(1)
    require(is_number(kind), "an entry has no kind")
    if kind > SOCKET or any(key in (7, 8) or 25 < key < 128 for key in entry):
        raise Newer("an entry has a reserved kind or key")
    for key, value in entry.items():
        if key > 127:
            continue
        require(KINDS_OF_KEY[key] is None or kind in KINDS_OF_KEY[key], f"key {key} is out of place")
        require(key == 1 or value not in (0, b"", [], False), f"key {key} should be left out")
        _check_value(key, value)
    if root:
        require(kind == DIRECTORY and 0 not in entry and 15 not in entry, "the root's entry is odd")
    else:
        require(0 in entry, "an entry has no name")
    require((kind == SYMLINK) == (14 in entry), "a symlink has no target")
    require((kind in (CHARACTER, BLOCK)) == (16 in entry), "a device has no number")
    require(not (17 in entry and 18 in entry), "extended attributes are there twice")
    if kind == FILE:
        _check_content(entry)


def _check_value(key, value):
    if key == 0:
        require(type(value) is bytes and 1 <= len(value) <= 4096, "a name is malformed")
        require(value not in (b".", b"..") and not set(value) & {0, 47}, "a name is malformed")
    elif key in (3, 21):
        require(is_number(value, -(2**53) + 1), "a time is malformed")
    elif key in (4, 22):
        require(is_number(value, 1, 999_999_999), "nanoseconds are malformed")
    elif key in (1, 9):
        require(is_number(value), "a number is malformed")
    elif key == 2:
        require(is_number(value, 1, 0o7777), "a mode is malformed")
    elif key in UINT32_KEYS:
        require(is_number(value, 1, UINT32_MAX), f"key {key} is malformed")
    elif key == 19:
        require(is_number(value, 2), "a number of hard links is malformed")
    elif key == 24:
        require(value is True, "key 24 is malformed")
    elif key == 10:
        require(type(value) is bytes and len(value) <= 256, "content inline is too long")
    elif key == 11:
        require(type(value) is bytes and len(value) % 32 == 0, "chunk ids are malformed")
        require(len(value) <= 64 * 32, "an entry has too many chunk ids")
    elif key == 12:
        require(type(value) is list and all(is_number(n, 1) for n in value), "lengths are malformed")
    elif key in (13, 15, 18):
        require(is_bytes(value, 32), f"key {key} is malformed")
    elif key == 20:
        require(is_bytes(value, 16), "a file id is malformed")
    elif key == 14:
        require(type(value) is bytes and len(value) <= 65536, "a target is malformed")
        require(0 not in value, "a target holds a NUL")
    elif key == 16:
        require(type(value) is list and len(value) == 2, "a device is malformed")
        require(all(is_number(n, 0, UINT32_MAX) for n in value), "a device is malformed")
    elif key == 17:
        check_xattrs(value)
        require(len(cbor.encode(value)) <= 4096, "extended attributes are too long for an entry")


def check_xattrs(pairs):
    """Hold an array of extended attributes against the table."""
    require(type(pairs) is list and len(pairs) > 0, "extended attributes are malformed")
    before = None
    for pair in pairs:
        require(type(pair) is list and len(pair) == 2, "extended attributes are malformed")
        require(type(pair[0]) is bytes and type(pair[1]) is bytes, "an attribute is malformed")
        require(pair[0] != b"" and 0 not in pair[0], "the name of an attribute is malformed")
        require(before is None or before < pair[0], "extended attributes are not in order")
        before = pair[0]


def _check_content(entry):
    size = entry.get(9, 0)
    given = [key for key in (10, 11, 13) if key in entry]
    require(len(given) <= (1 if size else 0), "a file has content twice, or though it is empty")
    unreadable = entry.get(25, 0) & REMARK_UNREADABLE
    require(size == 0 or given or unreadable, "a file has a size, but no content")
    require(10 not in entry or len(entry[10]) == size, "content inline has another size")
    ids = len(entry.get(11, b"")) // 32
    require((12 in entry) == (ids > 1), "lengths and chunk ids do not go together")
    if 12 in entry:
        require(len(entry[12]) == ids and sum(entry[12]) == size, "lengths do not add up")


@dataclass(frozen=True)
class Page:
    level: int
    items: list


class TreeReader:
    """Reads directories and lists of chunks, and checks that they were divided as they must be."""

    def __init__(self, store, bundle):
        self._store = store
        self._bundle = bundle

    def directory(self, top):
        """The entries of a directory, by the id of its top page."""
        pages = [self._tree_page(top)]
        level = pages[0].level
        require(level == 0 or len(pages[0].items) > 1, "a directory has more levels than it needs")
        while True:
            self._check_tree_ends(pages)
            if level == 0:
                break
            level -= 1
            pages = [self._page_below(item, level) for page in pages for item in page.items]
        entries = [entry for page in pages for entry in page.items]
        names = [entry[0] for entry in entries]
        require(all(a < b for a, b in zip(names, names[1:])), "names are not in order")
        return entries

    def _tree_page(self, name):
        value = cbor.decode(self._store.read(TREE, name))
        level, items = _level_and(value, 2)
        items = items[0]
        require(type(items) is list, "a tree page has no items")
        for item in items:
            if level == 0:
                check_entry(item)
            else:
                require(type(item) is list and len(item) == 2, "a tree page has an odd item")
                require(type(item[0]) is bytes and is_bytes(item[1], 32), "an item is malformed")
        return Page(level, items)

    def _page_below(self, item, level):
        page = self._tree_page(item[1])
        require(page.level == level, "a tree page is at another level")
        require(len(page.items) > 0, "a tree page is empty")
        first = page.items[0][0]
        require(first == item[0], "a tree page begins with another name")
        return page

    def _check_tree_ends(self, pages):
        for index, page in enumerate(pages):
            size, last = 0, len(page.items) - 1
            for position, item in enumerate(page.items):
                size += len(cbor.encode(item))
                ends = ends_tree_page(self._bundle, page.level, item, size)
                at_end = position == last and (ends or index == len(pages) - 1)
                require(ends == (position == last) or at_end, "a tree page ends in another place")

    def content(self, entry):
        """The chunks of a file: pairs of id and length."""
        if 13 in entry:
            chunks = self._list(entry[13], entry[9])
            require(len(chunks) > 64, "a list page holds chunks that fit into an entry")
            return chunks
        ids = _split(entry.get(11, b""))
        return list(zip(ids, entry.get(12, [entry.get(9, 0)])))

    def _list(self, top, size):
        pages = [self._list_page(top, size)]
        level = pages[0][0]
        require(level == 0 or len(pages[0][1]) > 1, "a list has more levels than it needs")
        while True:
            _check_list_ends([page[1] for page in pages])
            items = [pair for page in pages for pair in page[1]]
            if level == 0:
                return items
            level -= 1
            pages = [self._list_page(name, below) for name, below in items]
            require(all(page[0] == level for page in pages), "a list page is at another level")

    def _list_page(self, name, size):
        level, (ids, lengths) = _level_and(cbor.decode(self._store.read(LIST, name)), 3)
        require(type(ids) is bytes and type(lengths) is list, "a list page is malformed")
        require(len(ids) == 32 * len(lengths) > 0, "a list page is empty or malformed")
        require(all(is_number(n, 1) for n in lengths), "a length in a list page is malformed")
        require(sum(lengths) == size, "the lengths in a list page do not add up")
        return level, list(zip(_split(ids), lengths))

    def xattrs(self, entry):
        """The extended attributes of an entry: pairs of name and value."""
        if 18 not in entry:
            return entry.get(17, [])
        encoded = self._store.read(DATA, entry[18])
        require(len(encoded) > 4096, "extended attributes would fit into their entry")
        pairs = cbor.decode(encoded)
        check_xattrs(pairs)
        return pairs


def _level_and(value, length):
    require(type(value) is list and len(value) == length, "a page is malformed")
    require(is_number(value[0], 0, LEVEL_MAX), "the level of a page is malformed")
    return value[0], value[1:]


def _split(ids):
    return [ids[at : at + 32] for at in range(0, len(ids), 32)]


def ends_tree_page(bundle, level, item, size):
    """Whether a page ends after this item, with which its items have so many bytes."""
    hashed = mac(bundle.page, bytes([level]) + item[0])
    return size >= 262144 or (size >= 32768 and number(hashed, 0, 4) & 127 == 0)


def ends_list_page(count, name):
    """Whether a page ends after this id, with which it holds so many."""
    return count == 256 or (count >= 32 and number(name, 0, 4) & 63 == 0)


def _check_list_ends(pages):
    for index, page in enumerate(pages):
        for position, (name, _) in enumerate(page):
            count = position + 1
            ends = ends_list_page(count, name)
            at_end = count == len(page) and index == len(pages) - 1
            require(ends == (count == len(page)) or at_end, "a list page ends in another place")


def check_cuts(data, sizes, average, gear):
    """Hold the lengths of a file's chunks against where section 8 cuts it."""
    low, high, at = average // 4, average * 4, 0
    bits = average.bit_length() - 1
    early, late = (2**32 - (1 << 32 - count) for count in (bits + 2, bits - 2))
    for size in sizes:
        left = len(data) - at
        end = min(left, high)
        if left > low:
            value = 0
            for index in range(low, end):
                value = (value << 1) + gear[data[at + index]] & UINT32_MAX
                if not value & (early if index < average else late):
                    end = index + 1
                    break
        require(size == end, f"a file is cut at {at + size} instead of {at + end}")
        at += end
    require(at == len(data), "a file is longer than its chunks")


def parse_snapshot(record):
    """A snapshot record that has all its keys."""
    require(field(record, "version", int) == 1, "a snapshot has another version")
    for name, kind in (("id", 16), ("source", 16), ("root", 32), ("host", str), ("user", str)):
        field(record, name, kind)
    for name in ("time", "finished", "problems"):
        field(record, name, int)
    for name in ("paths", "missing"):
        require(all(type(path) is bytes for path in field(record, name, list)), "a path is malformed")
    field(record, "tags", [str])
    field(record, "program", str)
    field(record, "parent", 16, optional=True)
    require(record.get("partial", True) is True, '"partial" is malformed')
    stats = field(record, "stats", dict)
    counts = "files dirs others bytes filesNew filesChanged filesUnchanged bytesNew bytesStored"
    for name in counts.split():
        field(stats, name, int)
    for name in ("users", "groups"):
        for number_of, text in field(record, name, dict).items():
            require(is_number(number_of) and type(text) is str, f'"{name}" is malformed')
    if "rootEntry" in record:
        check_entry(record["rootEntry"], root=True)
    return record


def snapshots_in_packs(store):
    """All snapshot records in tree packs, by the ids of their chunks."""
    return {name: parse_snapshot(cbor.decode(store.read(SNAPSHOT, name))) for name in store.ids(SNAPSHOT)}


def uuid8(digest):
    raw = bytearray(digest[:16])
    raw[6] = raw[6] & 15 | 128
    raw[8] = raw[8] & 63 | 128
    return bytes(raw)


def file_id(bundle, source, path, entry):
    """What makes two names one file."""
    return entry.get(20) or uuid8(mac(bundle.identity, b"file" + source + path))


def source_id(bundle, host, paths):
    """The id of a source, from what was asked for."""
    texts = [host.encode(), *sorted(paths)]
    joined = b"".join(len(text).to_bytes(4, "little") + text for text in texts)
    return uuid8(mac(bundle.identity, b"source" + joined))
