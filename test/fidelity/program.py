"""Runs the real program, as this user or as somebody else."""

import json
import os
import shutil
import subprocess

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Program:
    """A copy of the built program that every user may read, with only what it needs to run."""

    def __init__(self, root, broken=None):
        """`broken`: a package that is there and does not load."""
        self._root = root
        os.makedirs(root)
        for name in ("bin", "dist"):
            shutil.copytree(os.path.join(REPOSITORY, name), os.path.join(root, name))
        shutil.copy(os.path.join(REPOSITORY, "package.json"), root)
        listed = subprocess.run(
            ["npm", "ls", "--omit=dev", "--all", "--parseable"],
            cwd=REPOSITORY,
            capture_output=True,
            check=True,
            text=True,
        )
        for path in listed.stdout.split("\n"):
            name = os.path.relpath(path, REPOSITORY) if path else "."
            if name.startswith("node_modules/") and "typescript" not in name:
                shutil.copytree(path, os.path.join(root, name), dirs_exist_ok=True)
        if broken is not None:
            self._break(os.path.join(root, "node_modules", broken))
        self._node = os.path.join(root, "node")
        shutil.copy(os.path.realpath(shutil.which("node")), self._node)
        subprocess.run(["chmod", "-R", "a+rX", root], check=True)

    def _break(self, package):
        shutil.rmtree(package)
        os.mkdir(package)
        for name, text in (("package.json", '{"main": "index.js"}'), ("index.js", "throw Error('broken')")):
            with open(os.path.join(package, name), "w", encoding="utf-8") as file:
                file.write(text)

    def command(self, *arguments):
        return [self._node, os.path.join(self._root, "bin/versions.js"), *arguments]


class Home:
    """A home directory of somebody, and the repositories that are kept in it."""

    def __init__(self, program, path, user=None):
        self.path = path
        self._program = program
        self._user = user
        os.makedirs(path)
        if user is not None:
            os.chown(path, user, user)

    def run(self, *arguments, cwd="/", env=None):
        """Exit code, the documents on standard output, and everything that was said."""
        environment = {"PATH": "/usr/bin:/bin", "HOME": self.path, "LANG": "C.UTF-8", **(env or {})}
        identity = {} if self._user is None else {"user": self._user, "group": self._user}
        ran = subprocess.run(
            self._program.command(*arguments, "--json"),
            cwd=cwd,
            env=environment,
            capture_output=True,
            check=False,
            **identity,
            **({} if self._user is None else {"extra_groups": []}),
        )
        return Ran(ran)


class Ran:
    def __init__(self, ran):
        self.code = ran.returncode
        self.text = os.fsdecode(ran.stdout + ran.stderr)
        self.documents = [
            json.loads(line)
            for line in (ran.stdout + ran.stderr).splitlines()
            if line.startswith(b"{")
        ]
        self.summary = next((d for d in self.documents if d["type"] == "summary"), {})

    def problems(self):
        return sorted(d["code"] for d in self.documents if d["type"] == "problem")
