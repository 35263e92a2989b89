"""Saves and restores trees with everything that Linux knows, and compares what came back.

    python3 suite.py DIRECTORY

Uses the built program as a stranger would, and compares by system calls alone (image.py). What
needs root is done as root and left out for anybody else, who is told; what must not be readable is
saved by another user. The last line is `N passed, N failed, N skipped`.
"""

import os
import subprocess
import sys
import threading
import time
import traceback

import image
import live
import trees
from program import Home, Program

IS_ROOT = os.geteuid() == 0
# Processes that were interrupted must not leave what cannot be removed.
FROZEN = []


class Failure(Exception):
    """Something is not as it must be."""


def require(condition, message):
    if not condition:
        raise Failure(message)


def equal(found, expected, what):
    require(found == expected, f"{what}: {found!r} instead of {expected!r}")


class Suite:
    def __init__(self, root):
        self.root = root
        self.passed = self.failed = self.skipped = 0
        self.program = Program(self.path("program"))

    def path(self, *names):
        return os.path.join(self.root, *names)

    def run(self, name, scenario, needs_root=False):
        started = time.monotonic()
        result = "ok"
        if needs_root and not IS_ROOT:
            self.skipped += 1
            result = "skipped: it needs root"
        else:
            try:
                scenario()
                self.passed += 1
            except Exception as error:
                self.failed += 1
                result = "FAILED"
                detail = str(error) if isinstance(error, Failure) else traceback.format_exc()
                print(detail[:6000])
        print(f"{result:6} {time.monotonic() - started:6.1f} s  {name}", flush=True)

    def everything(self):
        mine = None if IS_ROOT else os.geteuid()
        self.run("the hostile tree comes back", lambda: self.hostile("own", mine))
        self.run("and for another user", lambda: self.hostile("other", trees.USER), needs_root=True)
        self.run("what nobody may read is named", self.unreadable, needs_root=True)
        self.run("files that change all the while", self.changing)
        self.run("without the native package", self.plain)
        self.run("bind mounts and one file system", self.mounts, needs_root=True)
        self.run("paths given twice, nested, and through a link", self.paths)

    def home(self, name, user=None):
        return Home(self.program, self.path(name), user)

    def hostile(self, name, user):
        """Saved, restored, restored again over itself, and compared each time."""
        home = self.home(name, user)
        base = os.fsencode(home.path)
        maker = self.made(base + b"/source", user)
        expected = image.image(maker.root)
        backup = home.run("backup", os.fsdecode(maker.root))
        equal((backup.code, backup.problems()), (0, []), backup.text[-2000:])
        again = home.run("backup", os.fsdecode(maker.root))
        equal((again.code, again.summary["filesNew"]), (0, 0), again.text[-2000:])
        target = base + b"/target"
        for round in (1, 2):
            restore = home.run("restore", "latest", "-t", os.fsdecode(target))
            problems = ["TARGET_SOCKET"]
            equal((restore.code, restore.problems()), (3, problems), restore.text[-2000:])
            found = image.image(target + maker.root)
            lost = image.differences(expected, found, is_socket)
            equal(lost, [], f"restore {round}")
        equal(restore.summary["bytesWritten"], 0, "bytes written by the second restore")
        verify = home.run("verify", "--level", "data")
        equal((verify.code, verify.summary["findings"]), (0, 0), verify.text)

    def made(self, root, user):
        """Made by the user that saves it: a process of its own, because rights are its own."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                if user is not None and IS_ROOT:
                    os.setgroups([])
                    os.setgid(user)
                    os.setuid(user)
                trees.Maker(root).everything(lambda path: os.write(writing, path + b"\0"))
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            FROZEN.extend(path for path in pipe.read().split(b"\0") if path)
        _, status = os.waitpid(child, 0)
        require(status == 0, "the tree could not be made")
        return trees.Made(root)

    def unreadable(self):
        """Somebody who is not root meets what only root may read: named, counted, and the rest saved."""
        home = self.home("unreadable", trees.USER)
        source = os.path.join(home.path, "source")
        maker = trees.Maker(os.fsencode(source))
        for name in (b"fine", b"root-only", b"dir/fine", b"dir/root-only", b"closed/in", b"mute/in"):
            maker.file(name, 5000)
        maker.file(b"tiny-root-only", 20)
        # Names that can be listed but not looked at, and the other way round.
        os.chmod(source + "/mute", 0o744)
        os.chmod(source + "/closed", 0o711)
        for name in ("root-only", "dir/root-only", "tiny-root-only"):
            os.chmod(os.path.join(source, name), 0o600)
        os.chown(source + "/fine", trees.USER, trees.USER)
        backup = home.run("backup", source)
        equal(backup.code, 3, backup.text[-2000:])
        named = [d["message"] for d in backup.documents if d["type"] == "problem"]
        for name in ("root-only", "dir/root-only", "tiny-root-only", "closed", "mute/in"):
            path = os.path.join(source, name)
            require(any(path in message for message in named), f"{path} is not named: {named}")
        equal(backup.summary["problems"], 5, "problems")
        again = home.run("backup", source)
        equal((again.code, again.summary["problems"]), (3, 5), again.text[-2000:])
        target = home.path + "/target"
        restore = home.run("restore", "latest", "-t", target, "--no-owner")
        equal(restore.code, 3, restore.text[-2000:])
        expected, found = image.image(os.fsencode(source)), image.image(os.fsencode(target + source))
        gone = {b"root-only", b"dir/root-only", b"tiny-root-only", b"closed/in", b"mute/in"}
        lost = image.differences(
            expected, found, lambda path, fact: fact == "owner" or path in gone and fact == "missing"
        )
        equal(lost, [], "the rest")
        require(not gone & found.keys(), "something that was not saved was made up")
        listed = home.run("ls", "-R", "latest:" + source)
        paths = {d["path"] for d in listed.documents if d["type"] == "entry"}
        for name in ("root-only", "dir/root-only", "tiny-root-only", "closed"):
            require(os.path.join(source, name) in paths, f"ls does not show {name}: {paths}")
        cat = home.run("cat", f"latest:{source}/root-only")
        require(cat.code != 0 and "CONTENT_NOT_SAVED" in cat.text, cat.text)
        for name in ("root-only", "dir/root-only", "tiny-root-only", "mute", "closed"):
            os.chmod(os.path.join(source, name), 0o755)
        healed = home.run("backup", source)
        equal((healed.code, healed.summary["problems"]), (0, 0), healed.text[-2000:])
        target += "-healed"
        restore = home.run("restore", "latest", "-t", target, "--no-owner")
        equal(restore.code, 0, restore.text[-2000:])
        expected, found = image.image(os.fsencode(source)), image.image(os.fsencode(target + source))
        lost = image.differences(expected, found, lambda _, fact: fact == "owner")
        equal(lost, [], "all of it, once it may be read")

    def changing(self):
        """Whatever happens to a file while it is read, what comes back is something it once was."""
        home = self.home("changing", None)
        source = os.path.join(home.path, "source")
        changes = live.Changes(source)
        stop = threading.Event()
        thread = threading.Thread(target=changes.go_on, args=(stop,))
        thread.start()
        try:
            for number in range(6):
                backup = home.run("backup", source)
                require(backup.code in (0, 3), backup.text[-2000:])
                target = os.path.join(home.path, f"target-{number}")
                restore = home.run("restore", "latest", "-t", target)
                equal(restore.code, 0, restore.text[-2000:])
                reported = [d["message"] for d in backup.documents if d["type"] == "problem"]
                changes.check(target + source, reported, require)
        finally:
            stop.set()
            thread.join()
        require(changes.count > 100, f"only {changes.count} changes were made")
        backup = home.run("backup", source)
        equal(backup.code, 0, backup.text[-2000:])
        target = os.path.join(home.path, "target")
        equal(home.run("restore", "latest", "-t", target).code, 0, "restore")
        expected, found = image.image(os.fsencode(source)), image.image(os.fsencode(target + source))
        equal(image.differences(expected, found), [], "once all is quiet")
        verify = home.run("verify", "--level", "data")
        equal((verify.code, verify.summary["findings"]), (0, 0), verify.text)

    def plain(self):
        """Plain Node can do less; it says so at every backup and restore, and keeps the rest."""
        program = Program(self.path("plain-program"), broken="koffi")
        home = Home(program, self.path("plain"))
        maker = trees.Maker(os.fsencode(home.path) + b"/source")
        for part in (maker.names, maker.symlinks, maker.sizes, maker.hard_links, maker.modes, maker.times):
            part()
        maker.file(b"with-attribute")
        maker.set_xattr(b"with-attribute", b"user.a", b"1")
        expected = image.image(maker.root)
        backup = home.run("backup", os.fsdecode(maker.root))
        require("koffi" in backup.text, f"nothing is said: {backup.text}")
        target = os.fsencode(home.path) + b"/target"
        restore = home.run("restore", "latest", "-t", os.fsdecode(target))
        require("koffi" in restore.text, f"nothing is said: {restore.text}")
        found = image.image(target + maker.root)

        def allowed(path, fact):
            kind = expected[path]["kind"]
            if fact == "mtime":
                return abs(expected[path][fact] - found[path][fact]) < 1000 or kind == "fifo"
            return fact == "xattrs" or kind == "fifo" or b"fifo" in path

        equal(image.differences(expected, found, allowed), [], "without koffi")

    def mounts(self):
        home = self.home("mounts")
        source = os.path.join(home.path, "source")
        maker = trees.Maker(os.fsencode(source))
        maker.file(b"inside/a")
        elsewhere = os.path.join(home.path, "elsewhere")
        trees.Maker(os.fsencode(elsewhere)).file(b"b")
        for name in ("bound", "memory"):
            os.mkdir(os.path.join(source, name))
        script = (
            f"mount --bind {elsewhere} {source}/bound && mount -t tmpfs none {source}/memory && "
            f"echo c > {source}/memory/c && exec \"$@\""
        )
        inside = ["unshare", "--mount", "sh", "-c", script, "sh"]
        if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode != 0:
            print("(mounting is not allowed here)")
            return
        outer, self.program.command = self.program.command, lambda *a: [*inside, *outer(*a)]
        try:
            for flags, names in (([], ["bound/b", "memory/c"]), (["-x"], ["bound/b"])):
                backup = home.run("backup", source, *flags)
                equal((backup.code, backup.problems()), (0, []), backup.text[-2000:])
                listed = home.run("ls", "-R", "latest:" + source)
                paths = {os.path.relpath(d["path"], source) for d in listed.documents if "path" in d}
                for name in ("bound/b", "memory/c"):
                    equal(name in paths, name in names, f"{name} with {flags}")
                require({"bound", "memory", "inside/a"} <= paths, f"mount points are missing: {paths}")
        finally:
            self.program.command = outer

    def paths(self):
        home = self.home("paths")
        source = os.path.join(home.path, "source")
        maker = trees.Maker(os.fsencode(source))
        maker.file(b"a/b/c")
        maker.file(b"a/d")
        os.symlink("a", source + "/link")
        asked = [source, source, source + "/a", source + "/a/b/..", source + "//a/b/c", source + "/link"]
        backup = home.run("backup", *asked)
        equal((backup.code, backup.summary["filesNew"]), (0, 2), backup.text[-2000:])
        target = home.path + "/target"
        equal(home.run("restore", "latest", "-t", target).code, 0, "restore")
        expected, found = image.image(os.fsencode(source)), image.image(os.fsencode(target + source))
        equal(image.differences(expected, found), [], "paths that overlap")
        through = home.run("backup", source + "/link/d")
        equal((through.code, through.summary["filesNew"]), (0, 1), through.text[-2000:])
        missing = home.run("backup", source + "/a", source + "/nowhere")
        equal((missing.code, missing.problems()), (3, ["SOURCE_NOT_FOUND"]), missing.text[-2000:])


def is_socket(path, fact):
    return fact == "missing" and path == b"special/socket"


def main():
    root = os.path.abspath(sys.argv[1])
    suite = Suite(root)
    try:
        suite.everything()
    finally:
        for path in FROZEN:
            trees.thaw(path)
        for name in os.listdir(root):
            image.remove(os.fsencode(os.path.join(root, name)))
    print(f"{suite.passed} passed, {suite.failed} failed, {suite.skipped} skipped")
    sys.exit(1 if suite.failed else 0)


if __name__ == "__main__":
    main()
