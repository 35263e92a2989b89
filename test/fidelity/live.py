"""Files that change while they are saved, each made so that any state it ever had can be told."""

import hashlib
import os
import random

BLOCK = 1 << 16


class Changes:
    """Changes files below `root` until it is told to stop; one change after the other."""

    def __init__(self, root):
        self.root = root
        self.count = 0
        self._random = random.Random(5)
        self._version = 0
        self._sizes = {}
        os.makedirs(root)
        for number in range(40):
            self._replace(number)
            self._sealed_in_place(number)
            self._append(number)
        for number in range(400):
            with open(self._path(f"steady-{number}"), "wb") as file:
                file.write(self._sealed(20_000))

    def _path(self, name):
        return os.path.join(self.root, name)

    def go_on(self, stop):
        actions = [self._replace, self._append, self._vanish, self._grow_and_shrink]
        actions += [self._sealed_in_place, self._swap_kind]
        while not stop.is_set():
            self._random.choice(actions)(self._random.randrange(40))
            self.count += 1
            stop.wait(0.0005)

    def _sealed(self, size):
        """Bytes that carry their own hash, so that a mixture of two states shows."""
        self._version += 1
        content = random.Random(self._version).randbytes(size)
        digest = hashlib.sha256(content).digest()
        self._sizes[digest] = (self._version, size)
        return digest + content

    def _is_beginning(self, content):
        """Of one state, as it was while that state was being written."""
        if len(content) <= 32 or content[:32] not in self._sizes:
            return len(content) <= 32
        version, size = self._sizes[content[:32]]
        return random.Random(version).randbytes(size).startswith(content[32:])

    def _replace(self, number):
        """As editors do: always one whole state or another."""
        path = self._path(f"replaced-{number}")
        with open(path + ".new", "wb") as file:
            file.write(self._sealed(self._random.randrange(1, 300_000)))
        os.rename(path + ".new", path)

    def _sealed_in_place(self, number):
        """Not atomic: a mixture may be saved, but it must be told."""
        content = self._sealed(self._random.randrange(50_000, 1_000_000))
        with open(self._path(f"rewritten-{number}"), "wb") as file:
            for at in range(0, len(content), BLOCK):
                file.write(content[at : at + BLOCK])
                file.flush()

    def _append(self, number):
        """A log: what was saved must be a beginning of it, of whole lines."""
        with open(self._path(f"log-{number}"), "ab") as file:
            file.write(b"%d a line of the log that is always the same\n" % number * 50)

    def _vanish(self, number):
        path = self._path(f"fleeting-{number}")
        if os.path.exists(path):
            os.unlink(path)
        else:
            with open(path, "wb") as file:
                file.write(self._sealed(1000))

    def _grow_and_shrink(self, number):
        with open(self._path(f"breathing-{number}"), "ab") as file:
            file.write(b"b" * self._random.randrange(200_000))
            file.truncate(self._random.randrange(file.tell() + 1))

    def _swap_kind(self, number):
        """A file that is a directory, a FIFO or a link the next moment."""
        path = self._path(f"protean-{number}")
        if os.path.isdir(path) and not os.path.islink(path):
            os.rmdir(path)
        elif os.path.lexists(path):
            os.unlink(path)
        make = self._random.randrange(4)
        if make == 0:
            os.mkdir(path)
        elif make == 1:
            os.mkfifo(path)
        elif make == 2:
            os.symlink("nowhere", path)
        else:
            with open(path, "wb") as file:
                file.write(self._sealed(500))

    def check(self, restored, reported, require):
        """`reported`: the problems of the backup, of which some name a file that changed."""
        names = set(os.listdir(restored))
        for number in range(400):
            require(f"steady-{number}" in names, f"steady-{number} was lost")
        for name in names:
            path = os.path.join(restored, name)
            if os.path.islink(path) or not os.path.isfile(path):
                continue
            with open(path, "rb") as file:
                content = file.read()
            kind = name.split("-")[0]
            was_told = any(os.path.join(self.root, name) in message for message in reported)
            if kind == "log":
                number = int(name.split("-")[1])
                line = b"%d a line of the log that is always the same\n" % number
                require(content == line * (len(content) // len(line)), f"{name} is no beginning")
            elif kind == "breathing":
                require(set(content) <= set(b"b\0"), f"{name} holds what was never in it")
            elif hashlib.sha256(content[32:]).digest() != content[:32]:
                may_mix = kind == "rewritten" and (was_told or self._is_beginning(content))
                require(may_mix, f"{name} is a mixture of two states, and nothing was said")
