"""Lets Versions save directories and compares them with what the independent reader gets back.

    scenarios.py PROGRAM DIRECTORY    PROGRAM is bin/versions.js, DIRECTORY is empty

The last line is `N passed, N failed`.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import traceback

import sources
import vectors
from damage import Damage, require

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "../fixtures/repositories")
PASSWORD = "grüße, 世界"


class Scenarios:
    def __init__(self, program, directory, roomy):
        self._program = program
        self._directory = directory
        # Most file systems have no room for large extended attributes; memory has.
        self._roomy = roomy
        self.passed = 0
        self.failed = 0

    def run(self):
        vectors.run(os.path.join(HERE, "../../docs/format.md"), self.test)
        for name in sorted(os.listdir(GOLDEN)):
            self.test(f"golden {name}", lambda: self._golden(name))
        self._repository("password", sources.make_small, sources.change_small)
        self._repository("key-file", sources.make_large, sources.change_large)
        self._repository("unencrypted", sources.make_small, sources.change_small)
        self.test("a stream", self._stream)
        self._damages()

    def test(self, name, action):
        try:
            action()
        except Exception as error:  # Whatever it is, the other tests go on.
            self.failed += 1
            print(f"FAILED {name}: {str(error)[:2000]}")
            if not isinstance(error, Damage):
                traceback.print_exc()
            return
        self.passed += 1
        print(f"ok {name}")

    def _path(self, *parts):
        return os.path.join(self._directory, *parts)

    def _repository(self, name, make, change):
        """Two mirrors, and a snapshot before and after a change."""
        source = os.path.join(self._roomy if name == "unencrypted" else self._path(name), "source")
        os.makedirs(source)
        mirrors = [self._path(name, mirror) for mirror in ("mirror-a", "mirror-b")]
        self.test(f"{name}: init", lambda: self._init(name, mirrors))
        missed = make(source)
        if missed:
            print(f"not tried here: {', '.join(missed)}")
        states = []
        for number in (1, 2):
            self.test(f"{name}: backup {number}", lambda: self._versions(name, "backup", source))
            states.append(sources.describe(source))
            change(source) if number == 1 else None
        self.test(f"{name}: check", lambda: self._read(name, mirrors[0], "check"))
        self.test(f"{name}: equal mirrors", lambda: require(sources.identical(*mirrors), "they differ"))
        for number, state in enumerate(states):
            mirror = mirrors[number]
            what = f"{name}: extract {number + 1}"
            self.test(what, lambda: self._extract(name, mirror, number, source, state))

        if name == "password":
            self._rebuilt(name, mirrors, (source, states))

    def _rebuilt(self, name, mirrors, saved):
        """With a new lineage behind the journal, and with one that was made from packs alone."""
        source, states = saved
        for what in ("rebuilt", "rebuilt without a journal"):
            if what != "rebuilt":
                for mirror in mirrors:
                    shutil.rmtree(os.path.join(mirror, "journal"))
            self.test(f"{name}: {what}", lambda: self._versions(name, "catalog", "rebuild"))
            self.test(f"{name}: {what}: check", lambda: self._read(name, mirrors[0], "check"))
            for number, state in enumerate(states):
                extract = f"{name}: {what}: extract {number + 1}"
                where = (name, mirrors[1], number, source, state, what.replace(" ", "-"))
                self.test(extract, lambda: self._extract(*where))

    def _init(self, name, mirrors):
        flags = [f"--mirror={os.path.basename(path)}={path}" for path in mirrors]
        if name == "unencrypted":
            flags.append("--unsafe-no-encryption")
        if name != "password":
            flags.append("--chunk-size=64KiB")
        else:
            with open(self._path(name, "password-file"), "w", encoding="utf-8") as file:
                file.write(PASSWORD + "\n")
            flags.append(f"--password-file={self._path(name, 'password-file')}")
        self._versions(name, "init", *flags)

    def _versions(self, name, *arguments, **options):
        home = self._path(name, "home")
        os.makedirs(home, exist_ok=True)
        environment = {"PATH": os.environ["PATH"], "HOME": home, "LANG": "C.UTF-8"}
        command = ["node", self._program, *arguments, "--quiet"]
        ran = subprocess.run(command, env=environment, capture_output=True, check=False, **options)
        text = os.fsdecode(ran.stdout + ran.stderr)
        require(ran.returncode == 0, f"versions {arguments[0]} ended with {ran.returncode}: {text}")

    def _read(self, name, mirror, *arguments):
        """The documents that the reader prints; `Damage` if it finds a problem."""
        secret = {
            "password": ["--password-file", self._path(name, "password-file")],
            "key-file": ["--key-file", self._path(name, "home/.config/versions/default.key")],
            "unencrypted": ["--no-key"],
        }[name]
        return _run_reader(mirror, *secret, *arguments)

    def _golden(self, name):
        """What is written for all time is checked by the reader too."""
        with open(os.path.join(GOLDEN, name, "manifest.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        secret = {"password": ["--password-file"], "key": ["--key-file"], "none": ["--no-key"]}[
            manifest["secret"]["kind"]
        ]
        if len(manifest["secret"]) > 1:
            secret.append(self._path("golden-secret"))
            with open(secret[1], "w", encoding="utf-8") as file:
                file.write(manifest["secret"].get("password") or manifest["secret"]["keyFile"])
        mirror = os.path.join(GOLDEN, name, "mirror")
        _run_reader(mirror, *secret, "check")
        found = [one["id"] for one in _run_reader(mirror, *secret, "snapshots")]
        expected = [one["id"] for one in manifest["snapshots"]]
        require(found == expected, f"{found} are not {expected}")

    def _extract(self, name, mirror, number, source, state, target="extracted"):
        snapshots = self._read(name, mirror, "snapshots")
        require(len(snapshots) == 2, f"there are {len(snapshots)} snapshots")
        require(snapshots[number]["paths"] == [source], "another path was saved")
        # Beside the source, so that it is a file system with the same abilities.
        target = f"{source}-{number}-{target}"
        self._read(name, mirror, "extract", snapshots[number]["id"], target)
        found = sources.differences(state, sources.describe(target + source))
        require(found == [], "\n".join(found[:10]))

    def _stream(self):
        """Standard input is cut like a file, and its length is not known before."""
        data = random.Random(3).randbytes(9 * sources.MEBIBYTE + 1)
        arguments = ("backup", "--stdin-name", "stream", "--host", "elsewhere")
        self._versions("unencrypted", *arguments, input=data)
        mirror = self._path("unencrypted", "mirror-a")
        self._read("unencrypted", mirror, "check")
        (snapshot,) = [
            one
            for one in self._read("unencrypted", mirror, "snapshots")
            if one["host"] == "elsewhere"
        ]
        target = self._path("extracted-stream")
        self._read("unencrypted", mirror, "extract", snapshot["id"], target)
        found = {}
        for path, _, names in os.walk(target):
            for name in names:
                with open(os.path.join(path, name), "rb") as file:
                    found[name] = file.read()
        require(found == {"stream": data}, f"extracted were {list(found)}")

    def _damages(self):
        """A reader that finds nothing wrong proves something only if it would find it."""
        for name in ("password", "unencrypted"):
            mirror = self._path(name, "mirror-b")
            for folder in ("config", "mirror", "keys", "packs", "journal"):
                path = _first_file(os.path.join(mirror, folder))
                what = f"{name}: one flipped bit in {folder}"
                self.test(what, lambda: self._flip(name, mirror, path))

    def _flip(self, name, mirror, path):
        with open(path, "r+b") as file:
            content = file.read()
            at = len(content) * 2 // 3
            file.seek(at)
            file.write(bytes([content[at] ^ 16]))
        try:
            self._read(name, mirror, "check")
        except Damage:
            return
        finally:
            with open(path, "wb") as file:
                file.write(content)
        raise Damage("the reader found nothing")


def _run_reader(*arguments):
    command = [sys.executable, os.path.join(HERE, "reader.py"), *arguments]
    ran = subprocess.run(command, capture_output=True, check=False)
    require(ran.returncode == 0, f"the reader says: {os.fsdecode(ran.stderr)}")
    return [json.loads(line) for line in ran.stdout.splitlines() if line.startswith(b"{")]


def _first_file(path):
    while os.path.isdir(path):
        path = os.path.join(path, min(os.listdir(path)))
    return path


def main():
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as roomy:
        scenarios = Scenarios(*map(os.path.abspath, sys.argv[1:3]), roomy)
        scenarios.run()
    print(f"{scenarios.passed} passed, {scenarios.failed} failed")
    sys.exit(1 if scenarios.failed else 0)


if __name__ == "__main__":
    main()
