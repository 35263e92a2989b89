"""Write a snapshot into a new directory: content, names, kinds, hard links, metadata."""

import os
import stat

from damage import Damage, require
from packs import DATA
from trees import (
    BLOCK,
    CHARACTER,
    DIRECTORY,
    FIFO,
    FILE,
    REMARK_UNREADABLE,
    SOCKET,
    SYMLINK,
    file_id,
)

HOLE_BYTES = 4096


class Extractor:
    """Extracts one snapshot. Whatever cannot be read or set is reported, and the rest goes on."""

    def __init__(self, store, trees, bundle, snapshot, report):
        self._store = store
        self._trees = trees
        self._bundle = bundle
        self._source = snapshot["source"]
        self._report = report
        self._linked = {}

    def run(self, root, target):
        """Extract the tree of this id; the target is made, and stands for `/`."""
        os.mkdir(target)
        directories, waiting = [], [(root, b"")]
        while waiting:
            tree, path = waiting.pop()
            try:
                entries = self._trees.directory(tree)
            except Damage as damage:
                self._report(path, damage)
                continue
            for entry in entries:
                below = path + b"/" + entry[0]
                try:
                    self._make(entry, below, target + below)
                except (Damage, OSError) as error:
                    self._report(below, error)
                    continue
                if entry[1] == DIRECTORY:
                    directories.append((entry, below))
                    if 15 in entry:
                        waiting.append((entry[15], below))
        # Last, because whatever is made in a directory changes its time.
        for entry, path in reversed(directories):
            self._set_metadata(entry, path, target + path)

    def _make(self, entry, path, target):
        if 19 in entry:
            name = file_id(self._bundle, self._source, path, entry)
            if name in self._linked:
                os.link(self._linked[name], target, follow_symlinks=False)
                return
        self._make_new(entry, target)
        if 19 in entry:
            self._linked[name] = target
        if entry[1] != DIRECTORY:
            self._set_metadata(entry, path, target)

    def _make_new(self, entry, target):
        kind = entry[1]
        if kind == DIRECTORY:
            os.mkdir(target, 0o700)
        elif kind == FILE:
            self._write_file(entry, target)
        elif kind == SYMLINK:
            os.symlink(entry[14], target)
        elif kind == FIFO:
            os.mkfifo(target, 0o600)
        elif kind == SOCKET:
            os.mknod(target, stat.S_IFSOCK | 0o600)
        else:
            types = {CHARACTER: stat.S_IFCHR, BLOCK: stat.S_IFBLK}
            os.mknod(target, types[kind] | 0o600, os.makedev(*entry[16]))

    def _write_file(self, entry, target):
        require(not entry.get(25, 0) & REMARK_UNREADABLE, "it could not be read when it was saved")
        with open(target, "xb") as file:
            if 10 in entry:
                file.write(entry[10])
                return
            for name, size in self._trees.content(entry):
                self._write(file, self._store.read(DATA, name, size), 24 in entry)
            require(file.tell() == entry.get(9, 0), "a file has another size")
            file.truncate()

    def _write(self, file, data, sparse):
        if not sparse:
            file.write(data)
            return
        for at in range(0, len(data), HOLE_BYTES):
            part = data[at : at + HOLE_BYTES]
            if any(part):
                file.write(part)
            else:
                file.seek(len(part), os.SEEK_CUR)

    def _set_metadata(self, entry, path, target):
        try:
            if os.geteuid() == 0:
                os.lchown(target, entry.get(5, 0), entry.get(6, 0))
            if entry[1] != SYMLINK:
                os.chmod(target, entry.get(2, 0))
            for name, value in self._trees.xattrs(entry):
                os.setxattr(target, name, value, follow_symlinks=False)
            modified = entry.get(3, 0) * 10**9 + entry.get(4, 0)
            os.utime(target, ns=(modified, modified), follow_symlinks=False)
        except (Damage, OSError) as error:
            self._report(path, error)
