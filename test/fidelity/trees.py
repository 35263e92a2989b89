"""Makes directory trees with everything in them that a file system of Linux can hold."""

import fcntl
import os
import random
import socket
import struct

SECOND = 10**9
MEBIBYTE = 1 << 20
GET_FLAGS, SET_FLAGS = 0x80086601, 0x40086602
IMMUTABLE, APPEND_ONLY, NO_DUMP = 0x10, 0x20, 0x40
PEOPLES_FLAGS = IMMUTABLE | APPEND_ONLY | NO_DUMP
USER = 65534
"""Somebody who is not root."""


class Maker:
    """Makes things below a directory; what the file system or the user may not is noted."""

    def __init__(self, root, seed=1):
        self.root = root
        self.is_root = os.geteuid() == 0
        self.missed = []
        self._random = random.Random(seed)
        os.makedirs(root)

    def path(self, name):
        return os.path.join(self.root, name)

    def file(self, name, size=700, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(self._random.randbytes(size))
        os.chmod(path, mode)
        return path

    def attempt(self, what, action):
        try:
            action()
        except OSError as error:
            self.missed.append(f"{what} ({error.strerror})")

    def everything(self, on_frozen=lambda path: None):
        """`on_frozen` is told of what cannot be removed before it is thawed."""
        self.names()
        self.depths()
        self.symlinks()
        self.hard_links()
        self.sizes()
        self.specials()
        self.modes()
        self.xattrs()
        self.flags(on_frozen)
        # Last: whatever is made later would change the times of directories.
        self.times()

    def names(self):
        every = bytes(byte for byte in range(1, 256) if byte != ord("/"))
        odd = [b"-rf", b"--help", b"...", b".. ", b"\xff\xfe", b"\xc3\x28", b"a\nb", b"a\r", b"\t"]
        odd += [b"n" * 255, "ü".encode() * 127, b"\x1b[31mred", b"$(id)", b"*", b"\\", b'"', b"~"]
        odd += ["e\u0301".encode(), "\u00e9".encode(), b"CON", b"a:b", b"a ", every[:200], every[200:]]
        for name in odd:
            self.file(b"names/" + name, 30)
            self.file(b"names/in/" + name + b"/" + name, 3)

    def depths(self):
        """A path far longer than PATH_MAX, which only descriptors reach, and many short levels."""
        for name, part, count in ((b"long", b"d" * 200, 40), (b"many", b"d", 900)):
            os.mkdir(self.path(name))
            directory = os.open(self.path(name), os.O_RDONLY)
            for _ in range(count):
                os.mkdir(part, dir_fd=directory)
                below = os.open(part, os.O_RDONLY, dir_fd=directory)
                os.close(directory)
                directory = below
            for size, bottom in ((300, b"bottom"), (5, b"small")):
                flags = os.O_WRONLY | os.O_CREAT
                with os.fdopen(os.open(bottom, flags, dir_fd=directory), "wb") as file:
                    file.write(b"x" * size)
            os.symlink(b"../" * 50, b"link", dir_fd=directory)
            os.link(b"bottom", b"again", src_dir_fd=directory, dst_dir_fd=directory)
            os.utime(b"bottom", ns=(0, -3 * SECOND + 7), dir_fd=directory)
            os.close(directory)

    def symlinks(self):
        os.mkdir(self.path(b"symlinks"))
        targets = {
            b"dangling": b"nowhere",
            b"bytes": b"\xff\xfe\n\x01",
            b"itself": b"itself",
            b"up": b"..",
            b"absolute": b"/etc/passwd",
            b"long": b"t" * 4000,
            b"directory": b".",
        }
        for number, (name, target) in enumerate(sorted(targets.items())):
            path = self.path(b"symlinks/" + name)
            os.symlink(target, path)
            if self.is_root:
                os.chown(path, 1000 + number, 2000 + number, follow_symlinks=False)
            os.utime(path, ns=(0, 5 * SECOND + number), follow_symlinks=False)

    def hard_links(self):
        for name, size in ((b"tiny", 20), (b"small", 3000), (b"large", 3 * MEBIBYTE), (b"empty", 0)):
            path = self.file(b"links/b/" + name, size)
            for further in (b"a", b"b/again", b"c/d"):
                os.makedirs(self.path(b"links/" + further), exist_ok=True)
                os.link(path, self.path(b"links/" + further + b"/" + name))
        os.symlink("x", self.path(b"links/symlink"))
        link = self.path(b"links/c/symlink")
        os.link(self.path(b"links/symlink"), link, follow_symlinks=False)
        os.mkfifo(self.path(b"links/fifo"))
        os.link(self.path(b"links/fifo"), self.path(b"links/c/fifo"))
        # Its other name is not saved.
        os.link(self.path(b"links/a/tiny"), self.root + b".outside")

    def sizes(self):
        around = [0, 1, 255, 256, 257, 4095, 4096, 65535, 65536, MEBIBYTE - 1, MEBIBYTE, MEBIBYTE + 1]
        for size in [*around, 9 * MEBIBYTE]:
            self.file(b"sizes/%d" % size, size)
        self.sparse(b"sizes/hole", 0, 40 * MEBIBYTE)
        self.sparse(b"sizes/middle", 3, 17 * MEBIBYTE)
        self.sparse(b"sizes/zeros", 0, 5 * MEBIBYTE, zeros=True)

    def sparse(self, name, written, size, zeros=False):
        with open(self.path(name), "wb") as file:
            if zeros:
                file.write(bytes(size))
            for number in range(written):
                file.seek(number * size // written + 12345)
                file.write(self._random.randbytes(5000))
            file.truncate(size)

    def specials(self):
        os.mkdir(self.path(b"special"))
        os.mkfifo(self.path(b"special/fifo"), 0o640)
        with socket.socket(socket.AF_UNIX) as listener:
            # Its address is limited to 108 bytes, wherever the tree is.
            directory = os.open(self.path(b"special"), os.O_RDONLY)
            listener.bind(b"/proc/self/fd/%d/socket" % directory)
            os.close(directory)
        if not self.is_root:
            return
        for name, kind, numbers in (
            (b"null", 0o020000, (1, 3)),
            (b"large", 0o020000, (4095, 1048575)),
            (b"loop", 0o060000, (7, 200)),
        ):
            path = self.path(b"special/" + name)
            self.attempt(f"device {numbers}", lambda: os.mknod(path, kind | 0o600, os.makedev(*numbers)))

    def modes(self):
        for mode in (0o400, 0o600, 0o644, 0o755, 0o4755, 0o2755, 0o6711, 0o1644, 0o7777):
            self.file(b"modes/%o" % mode, 50, mode)
            path = self.path(b"modes/%o.d" % mode)
            os.mkdir(path)
            os.chmod(path, mode | 0o700)
        if not self.is_root:
            return
        for mode, owner in ((0o4755, (1234, 5678)), (0o000, (0, 0)), (0o640, (4_000_000_000, 7))):
            path = self.file(b"modes/owned-%o" % mode, 60)
            os.chown(path, *owner)
            os.chmod(path, mode)
            os.mkdir(path + b".d")
            os.chown(path + b".d", *owner)
            os.chmod(path + b".d", mode)

    def xattrs(self):
        path = self.file(b"xattrs/file")
        os.mkdir(self.path(b"xattrs/directory"))
        os.mkdir(self.path(b"xattrs/acls"))
        os.symlink("nowhere", self.path(b"xattrs/symlink"))
        os.mkfifo(self.path(b"xattrs/fifo"))
        plain = [(b"user.binary", bytes(range(256))), (b"user.empty", b""), (b"user.\xff\n", b"\0")]
        large = [(b"user.large", self._random.randbytes(3000)), (b"user.larger", b"z" * 900)]
        for name in (b"file", b"directory"):
            for attribute, value in plain:
                self.set_xattr(b"xattrs/" + name, attribute, value)
        for attribute, value in large + large[:1]:
            self.set_xattr(b"xattrs/acls", attribute, value)
        self.set_xattr(b"xattrs/acls", b"system.posix_acl_default", access_list(0o7, 0o5, 1234))
        self.set_xattr(b"xattrs/file", b"system.posix_acl_access", access_list(0o6, 0o4, 1234))
        if self.is_root:
            for name in (b"file", b"directory", b"symlink", b"fifo"):
                self.set_xattr(b"xattrs/" + name, b"trusted.\xfe", b"\0\1\2")
            ping = self.file(b"xattrs/capable", 90, 0o755)
            os.chown(ping, 1234, 1234)
            # Version 2, effective, CAP_NET_RAW permitted.
            capability = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)
            self.set_xattr(b"xattrs/capable", b"security.capability", capability)
        return path

    def set_xattr(self, name, attribute, value):
        path = self.path(name)
        self.attempt(
            f"{attribute!r} of {name!r}",
            lambda: os.setxattr(path, attribute, value, follow_symlinks=False),
        )

    def flags(self, on_frozen):
        wanted = {b"nodump": NO_DUMP}
        if self.is_root:
            wanted |= {b"immutable": IMMUTABLE | NO_DUMP, b"append": APPEND_ONLY, b"frozen": IMMUTABLE}
            self.file(b"flags/frozen/inside")
        for name, flags in wanted.items():
            path = self.path(b"flags/" + name)
            if name != b"frozen":
                self.file(b"flags/" + name)
            on_frozen(path)
            self.attempt(f"inode flags {flags:#x}", lambda: change_flags(path, flags))

    def times(self):
        """Before 1970, after 2038 and 2106, to the nanosecond, of every kind of thing."""
        moments = [-1, -SECOND, -SECOND - 1, -2_000_000_000 * SECOND + 1, 0, 1, 123_456_789]
        moments += [2**31 * SECOND + 5, 2**32 * SECOND + 999_999_999, 9_000_000_000 * SECOND + 3]
        for number, moment in enumerate(moments):
            os.makedirs(self.path(b"times/d%d" % number))
            self.file(b"times/f%d" % number, 10)
            self.file(b"times/d%d/inside" % number, 300)
            os.symlink("x", self.path(b"times/s%d" % number))
            os.mkfifo(self.path(b"times/p%d" % number))
            for kind in b"dfsp":
                path = self.path(b"times/%c%d" % (kind, number))
                os.utime(path, ns=(0, moment), follow_symlinks=False)
        os.utime(self.path(b"times"), ns=(0, -42))
        os.utime(self.root, ns=(0, 77 * SECOND + 77))


class Made:
    """A tree that another process made."""

    def __init__(self, root):
        self.root = root


def thaw(path):
    """Lets something be changed and removed again."""
    if os.path.lexists(path):
        change_flags(path, 0)


def access_list(owner, group, user):
    """A POSIX access list as the kernel keeps it: version 2, then tag, permissions and id."""
    undefined = 0xFFFFFFFF
    rows = [(1, owner, undefined), (2, 6, user), (4, group, undefined), (0x10, 6, undefined)]
    rows.append((0x20, 0, undefined))
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *row) for row in rows)


def get_flags(path):
    """The inode flags that people set."""
    present = _with_open(path, lambda fd: fcntl.ioctl(fd, GET_FLAGS, bytes(8)))
    return struct.unpack("=Q", present)[0] & PEOPLES_FLAGS


def change_flags(path, flags):
    def change(fd):
        present = struct.unpack("=Q", fcntl.ioctl(fd, GET_FLAGS, bytes(8)))[0]
        fcntl.ioctl(fd, SET_FLAGS, struct.pack("=Q", present & ~PEOPLES_FLAGS | flags))

    _with_open(path, change)


def _with_open(path, action):
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        return action(fd)
    finally:
        os.close(fd)
