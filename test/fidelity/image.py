"""What a directory tree looks like to the system calls, name by name; nothing of Versions is used."""

import errno
import hashlib
import os
import stat

KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
    stat.S_IFSOCK: "socket",
}
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def image(root):
    """Maps each path below `root` (bytes; itself is b"") to a dict of all that can be seen of it.

    Goes down by descriptors, so that paths longer than the kernel takes are reached too.
    """
    found, inodes = {}, {}
    top = os.open(root, DIRECTORY)
    found[b""] = _describe(top, b".", os.stat(top))
    stack = [(top, b"", sorted(os.fsencode(name) for name in os.listdir(top)))]
    while stack:
        directory, path, names = stack[-1]
        if not names:
            os.close(directory)
            stack.pop()
            continue
        name = names.pop(0)
        below = path + name
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        found[below] = _describe(directory, name, status)
        if stat.S_ISDIR(status.st_mode):
            try:
                child = os.open(name, DIRECTORY, dir_fd=directory)
            except PermissionError:
                found[below]["unreadable"] = True
                continue
            stack.append((child, below + b"/", sorted(os.fsencode(n) for n in os.listdir(child))))
        elif status.st_nlink > 1:
            inodes.setdefault((status.st_dev, status.st_ino), []).append(below)
    for names in inodes.values():
        for name in names:
            found[name]["names"] = sorted(names)
    return found


def _describe(directory, name, status):
    kind = KINDS[stat.S_IFMT(status.st_mode)]
    facts = {
        "kind": kind,
        "mode": oct(stat.S_IMODE(status.st_mode)),
        "owner": (status.st_uid, status.st_gid),
        "mtime": status.st_mtime_ns,
        "xattrs": _xattrs(directory, name),
    }
    if kind == "file":
        facts["size"] = status.st_size
        facts["content"], facts["holes"] = _content(directory, name, status)
    elif kind == "symlink":
        facts["target"] = os.readlink(name, dir_fd=directory)
    elif kind.endswith("device"):
        facts["device"] = (os.major(status.st_rdev), os.minor(status.st_rdev))
    return facts


def _xattrs(directory, name):
    at = b"/proc/self/fd/%d/%s" % (directory, name)
    try:
        names = os.listxattr(at, follow_symlinks=False)
    except PermissionError:
        return "unreadable"
    return {
        attribute: os.getxattr(at, attribute, follow_symlinks=False) for attribute in sorted(names)
    }


def _content(directory, name, status):
    """SHA-256, and whether at least half of a large file takes up no room."""
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=directory)
    except PermissionError:
        return "unreadable", None
    with os.fdopen(fd, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    large = status.st_size >= 1 << 20
    return digest, large and status.st_blocks * 512 < status.st_size / 2


def differences(expected, found, ignored=lambda path, fact: False):
    """One line for each fact that differs; empty if the trees are the same."""
    lines = []
    for path in sorted(expected.keys() | found.keys()):
        if path not in found:
            if not ignored(path, "missing"):
                lines.append(f"{path!r} is missing")
        elif path not in expected:
            lines.append(f"{path!r} is too much")
        else:
            for fact in sorted(expected[path].keys() | found[path].keys()):
                was, now = expected[path].get(fact), found[path].get(fact)
                if was != now and not ignored(path, fact):
                    lines.append(f"{path!r}: {fact} was {was!r}, is {now!r}")
    return lines


def remove(root):
    """Removes a tree whatever is in it: immutable, unreadable, deeper than paths reach."""
    try:
        top = os.open(os.path.dirname(root), DIRECTORY)
    except FileNotFoundError:
        return
    stack = [(top, [os.path.basename(root)])]
    while stack:
        directory, names = stack[-1]
        if not names:
            os.close(directory)
            stack.pop()
            if stack:
                os.rmdir(stack[-1][1].pop(), dir_fd=stack[-1][0])
            continue
        try:
            os.unlink(names[-1], dir_fd=directory)
            names.pop()
        except FileNotFoundError:
            names.pop()
        except OSError as error:
            if error.errno not in (errno.EISDIR, errno.EPERM, errno.ENOTDIR):
                raise
            os.chmod(b"/proc/self/fd/%d/%s" % (directory, os.fsencode(names[-1])), 0o700)
            child = os.open(names[-1], DIRECTORY, dir_fd=directory)
            stack.append((child, [os.fsencode(name) for name in os.listdir(child)]))
