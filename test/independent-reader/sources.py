"""Directories to save, and what stands in a directory."""

import hashlib
import os
import random
import socket
import stat
import subprocess

MEBIBYTE = 1 << 20


def describe(root):
    """Everything that a restore must bring back, by path below the root."""
    found, links = {}, {}
    paths = [b""]
    for path, folders, names in os.walk(os.fsencode(root)):
        below = os.path.relpath(path, os.fsencode(root))
        prefix = b"" if below == b"." else below + b"/"
        paths += [prefix + name for name in folders + names]
    for path in sorted(paths):
        full = os.path.join(os.fsencode(root), path)
        seen = os.lstat(full)
        facts = {
            "kind": stat.S_IFMT(seen.st_mode),
            "modified": seen.st_mtime_ns,
            "owner": (seen.st_uid, seen.st_gid),
            "xattrs": _xattrs(full),
        }
        if stat.S_ISLNK(seen.st_mode):
            facts["target"] = os.readlink(full)
        else:
            facts["mode"] = stat.S_IMODE(seen.st_mode)
        if stat.S_ISREG(seen.st_mode):
            with open(full, "rb") as file:
                facts["content"] = hashlib.file_digest(file, "sha256").hexdigest()
            facts["size"] = seen.st_size
        if stat.S_ISCHR(seen.st_mode) or stat.S_ISBLK(seen.st_mode):
            facts["device"] = seen.st_rdev
        if not stat.S_ISDIR(seen.st_mode) and seen.st_nlink > 1:
            facts["first name"] = links.setdefault((seen.st_dev, seen.st_ino), path)
        found[path] = facts
    return found


def _xattrs(path):
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError:
        return {}
    found = {name: os.getxattr(path, name, follow_symlinks=False) for name in names}
    return {name: value for name, value in found.items() if name.startswith("user.")}


def differences(expected, found):
    """One sentence for each path that is not as it should be."""
    sentences = []
    for path in sorted(expected.keys() | found.keys()):
        one, other = expected.get(path), found.get(path)
        if one != other:
            sentences.append(f"{path!r}: {one} became {other}")
    return sentences


def write(root, name, content, mode=0o644, modified=1_700_000_000_123_456_789):
    path = os.path.join(os.fsencode(root), name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, mode)
    os.utime(path, ns=(modified, modified))
    return path


def make_small(root, seed=1):
    """A bit of everything. Returns what this file system or user could not make."""
    random_bytes, missed = random.Random(seed).randbytes, []
    write(root, b"empty", b"")
    write(root, b"one-byte", b"1", 0o600)
    for size in (255, 256, 257, 16384, 65535, 65536, 65537):
        write(root, b"sizes/%d" % size, random_bytes(size))
    write(root, b"text", b"the same line again and again\n" * 20_000, 0o444)
    write(root, b"zeros", bytes(3 * MEBIBYTE))
    write(root, b"old", b"before 1970", modified=-86_400_000_000_001)
    write(root, b"late", b"long after", modified=4_102_444_800_000_000_001)
    write(root, b"set-user-id", b"#!/bin/sh\n", 0o4755)
    write(root, b"umlaut-\xc3\xa4", b"text")
    write(root, b"not-utf-8-\xff\xfe/\x80", b"bytes")
    write(root, b"new\nline and \x1b escape", b"odd")
    write(root, b"hard/first", random_bytes(100_000))
    os.link(os.path.join(root, "hard/first"), os.path.join(root, "hard/second"))
    os.makedirs(os.path.join(root, "a"))
    os.link(os.path.join(root, "hard/first"), os.path.join(root, "a/third"))
    os.symlink("../text", os.path.join(root, "hard/symlink"))
    os.symlink(b"nowhere-\xff", os.path.join(os.fsencode(root), b"dangling"))
    os.makedirs(os.path.join(root, "deep/" + "/".join("abcdefghij")))
    os.makedirs(os.path.join(root, "locked"), mode=0o500)
    os.mkfifo(os.path.join(root, "fifo"), 0o640)
    with socket.socket(socket.AF_UNIX) as one:
        before = os.getcwd()
        os.chdir(root)
        one.bind("socket")
        os.chdir(before)
    with open(os.path.join(root, "sparse"), "wb") as file:
        file.seek(5 * MEBIBYTE)
        file.write(b"an island")
        file.truncate(8 * MEBIBYTE)
    for name, value in ((b"user.one", b"\x00\xff"), (b"user.long", b"x" * 3000)):
        _try(missed, "xattr", lambda: os.setxattr(os.path.join(root, "text"), name, value))
    _try(missed, "xattr", lambda: os.setxattr(os.path.join(root, "deep"), b"user.dir", b"1"))
    large = [(b"user.large-%d" % index, random_bytes(3000)) for index in range(3)]
    for name, value in large:
        _try(missed, "large xattr", lambda: os.setxattr(os.path.join(root, "old"), name, value))
    if os.geteuid() == 0:
        os.mknod(os.path.join(root, "null"), stat.S_IFCHR | 0o666, os.makedev(1, 3))
        os.lchown(os.path.join(root, "dangling"), 12345, 54321)
        os.chown(os.path.join(root, "one-byte"), 12345, 54321)
        write(root, b"mode-0", b"nobody", 0)
    else:
        missed.append("device and owner")
    os.utime(os.path.join(root, "deep"), ns=(1, 1_000_000_007))
    return missed


def _try(missed, what, action):
    try:
        action()
    except OSError:
        if what not in missed:
            missed.append(what)


def change_small(root):
    """What happens between two backups."""
    write(root, b"text", b"another line\n" * 30_000)
    write(root, b"added/file", b"new" * 1000)
    os.rename(os.path.join(root, "sizes/16384"), os.path.join(root, "sizes/renamed"))
    os.unlink(os.path.join(root, "hard/first"))
    os.unlink(os.path.join(root, "zeros"))
    os.mkdir(os.path.join(root, "zeros"))
    os.chmod(os.path.join(root, "one-byte"), 0o640)


def make_large(root, seed=2):
    """Files with lists of chunks on pages, and directories on pages."""
    random_bytes = random.Random(seed).randbytes
    write(root, b"random", random_bytes(32 * MEBIBYTE))
    write(root, b"compressible", b"".join(b"line %d\n" % n for n in range(500_000)))
    # 64 chunks of zeros fit into an entry, 65 do not.
    for count in (64, 65):
        write(root, b"chunks-%d" % count, bytes(count * 262144))
    for index in range(4000):
        write(root, b"wide/%06d-%s" % (index, b"n" * 50), b"%d" % index * (index % 100))
    for index in range(200):
        write(root, b"many/%d/file" % index, random_bytes(index * 100))


def change_large(root):
    with open(os.path.join(root, "random"), "r+b") as file:
        file.seek(16 * MEBIBYTE)
        file.write(b"inserted")
    write(root, b"wide/003000-", b"in between")


def identical(one, other):
    """Whether two mirrors hold the same but for their markers."""
    command = ["diff", "-r", "--exclude=mirror", one, other]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
