"""Saves and restores a million files within the bound on memory, and compares all of them.

    python3 million.py DIRECTORY [FILES [directories|one]]

Twice: in a thousand directories, and in a single one. By hand, because it takes many minutes and
10 GB below DIRECTORY. Prints seconds of time and of processor, and the most memory that the program
held at once, for each step. The last line is `N passed, N failed`.
"""

import hashlib
import os
import shutil
import sys
import time

from program import Program

MEMORY_BOUND = 450 * 1024 * 1024


class Step:
    """A run of the program, measured."""

    def __init__(self, program, home, *arguments):
        started = time.monotonic()
        pid = os.fork()
        if pid == 0:
            environment = {"PATH": "/usr/bin:/bin", "HOME": home, "LANG": "C.UTF-8"}
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            command = program.command(*arguments)
            os.execve(command[0], command, environment)
        _, status, usage = os.wait4(pid, 0)
        self.code = os.waitstatus_to_exitcode(status)
        self.peak = usage.ru_maxrss * 1024
        self.seconds = time.monotonic() - started
        self.processor = usage.ru_utime + usage.ru_stime

    def __str__(self):
        return (
            f"{self.seconds:.0f} s, {self.processor:.0f} s of processor, "
            f"at most {self.peak / 1024 / 1024:.0f} MiB, exit code {self.code}"
        )


def make(root, files, width):
    for number in range(files):
        directory = os.path.join(root, f"d{number // width:04}")
        if number % width == 0:
            os.makedirs(directory)
        # Some in their tree's page, some in a chunk of their own.
        content = f"{number} ".encode() * (number % 80 + 1)
        with open(os.path.join(directory, f"file-{number:07}"), "wb") as file:
            file.write(content)


def digest(root):
    """Number of files, and a hash over names, times and contents."""
    found, count = hashlib.sha256(), 0
    for directory in sorted(os.listdir(root)):
        for name in sorted(os.listdir(os.path.join(root, directory))):
            path = os.path.join(root, directory, name)
            with open(path, "rb") as file:
                found.update(f"{path[len(root):]} {os.stat(path).st_mtime_ns} ".encode())
                found.update(file.read())
            count += 1
    return count, found.hexdigest()


def check(program, root, files, width):
    """Yields whether each step did what it must."""
    home, source, target = (os.path.join(root, name) for name in ("home", "source", "target"))
    os.makedirs(home)
    make(source, files, width)
    expected = digest(source)
    key = os.path.join(home, "password")
    with open(key, "w", encoding="ascii") as file:
        file.write("a million files\n")
    mirror = f"disk={os.path.join(root, 'mirror')}"
    Step(program, home, "--quiet", "-p", key, "init", "--mirror", mirror)
    steps = [
        ("first backup", ("backup", source)),
        ("unchanged", ("backup", source)),
        ("one file changed", ("backup", source)),
        ("restore", ("restore", "latest", "--target", target)),
        ("restore --delete over it", ("restore", "latest", "--target", target, "--delete")),
        ("verify --level structure", ("verify", "--level", "structure")),
    ]
    for name, arguments in steps:
        if name == "one file changed":
            with open(os.path.join(source, "d0000", "file-0000500"), "ab") as file:
                file.write(b"more")
            expected = digest(source)
        step = Step(program, home, "--quiet", "-p", key, *arguments)
        print(f"  {name}: {step}", flush=True)
        yield step.code == 0 and step.peak <= MEMORY_BOUND
        if name == "restore":
            # What is too much goes, beside a million names that stay.
            for number in range(0, files, max(files // 100, 1)):
                with open(os.path.join(target + source, "d0000", f"more-{number}"), "wb"):
                    pass
    found = digest(target + source)
    print(f"  {found[0]} files came back", flush=True)
    yield found == expected
    other = os.path.join(root, "other")
    os.makedirs(other)
    step = Step(program, other, "--quiet", "-p", key, "connect", "--mirror", mirror)
    print(f"  connect on another machine: {step}", flush=True)
    yield step.code == 0 and step.peak <= MEMORY_BOUND


def main():
    root = os.path.abspath(sys.argv[1])
    files = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    program = Program(os.path.join(root, "program"))
    passed = failed = 0
    for name, width in (("in directories of a thousand", 1000), ("in one directory", files)):
        if len(sys.argv) > 3 and name.split()[1] != sys.argv[3]:
            continue
        print(f"{files} files {name}", flush=True)
        place = os.path.join(root, f"width-{width}")
        for good in check(program, place, files, width):
            passed += good
            failed += not good
        shutil.rmtree(place)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
