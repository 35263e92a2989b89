"""An independent reader of Versions repositories, written from docs/format.md alone.

It shares no code with Versions, so that a mistake in what the program writes or in what the page
says shows as a difference. It reads one mirror in a directory, never writes to it, and checks
every hash, tag, id and canonical form on its way.

    reader.py MIRROR SECRET check              check everything; problems go to standard error
    reader.py MIRROR SECRET snapshots          one JSON document for each snapshot, oldest first
    reader.py MIRROR SECRET ls ID              one JSON document for each entry
    reader.py MIRROR SECRET extract ID TARGET  make TARGET, which stands for `/`, and all below it

SECRET is --password-file FILE, --key-file FILE or --no-key. Bytes that are not UTF-8 are written
as Python's surrogate escapes. The exit code is 0 if nothing was wrong, else 1.
"""

import argparse
import json
import os
import sys

from damage import Damage
from extract import Extractor
from keys import Secret, key_file_secret, password_secret
from repository import Repository


def main():
    arguments = _parse_arguments()
    try:
        repository = Repository(arguments.mirror, _secret(arguments))
        problems = [*repository.problems]
        problems += COMMANDS[arguments.command](repository, arguments)
    except (Damage, OSError) as error:
        problems = [str(error)]
    for problem in problems:
        print(f"problem: {problem}", file=sys.stderr)
    sys.exit(1 if problems else 0)


def _parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mirror")
    secrets = parser.add_mutually_exclusive_group(required=True)
    secrets.add_argument("--password-file")
    secrets.add_argument("--key-file")
    secrets.add_argument("--no-key", action="store_true")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check")
    commands.add_parser("snapshots")
    commands.add_parser("ls").add_argument("id")
    extract = commands.add_parser("extract")
    extract.add_argument("id")
    extract.add_argument("target")
    return parser.parse_args()


def _secret(arguments):
    if arguments.no_key:
        return Secret("none", b"")
    with open(arguments.password_file or arguments.key_file, encoding="utf-8") as file:
        text = file.read()
    if arguments.key_file:
        return key_file_secret(text)
    return password_secret(text.split("\n")[0])


def _check(repository, _arguments):
    before = len(repository.problems)
    repository.check()
    counts = (len(repository.store.packs), len(repository.entries), len(repository.snapshots()))
    print("{} packs, {} journal entries, {} snapshots".format(*counts))
    return repository.problems[before:]


def _snapshots(repository, _arguments):
    for snapshot in repository.snapshots():
        print(json.dumps(_describe(snapshot)))
    return []


def _describe(snapshot):
    described = {
        name: value.hex() if name in ("id", "source", "root", "parent") else value
        for name, value in snapshot.items()
        if name not in ("rootEntry", "users", "groups")
    }
    for name in ("paths", "missing"):
        described[name] = [os.fsdecode(path) for path in snapshot[name]]
    return described


def _ls(repository, arguments):
    snapshot = _find(repository, arguments.id)
    waiting, problems = [(snapshot["root"], b"")], []
    while waiting:
        tree, path = waiting.pop()
        try:
            entries = repository.trees.directory(tree)
        except Damage as damage:
            problems.append(f"{os.fsdecode(path)}: {damage}")
            continue
        for entry in entries:
            below = path + b"/" + entry[0]
            name = repository.file_id(snapshot, below, entry).hex()
            shown = {"path": os.fsdecode(below), "kind": entry[1], "mode": entry.get(2, 0)}
            shown |= {"size": entry.get(9, 0), "file": name}
            if 14 in entry:
                shown["target"] = os.fsdecode(entry[14])
            print(json.dumps(shown))
            if 15 in entry:
                waiting.append((entry[15], below))
    return problems


def _extract(repository, arguments):
    snapshot, problems = _find(repository, arguments.id), []
    Extractor(
        repository.store,
        repository.trees,
        repository.bundle,
        snapshot,
        lambda path, error: problems.append(f"{os.fsdecode(path)}: {error}"),
    ).run(snapshot["root"], os.fsencode(arguments.target))
    return problems


def _find(repository, prefix):
    found = [one for one in repository.snapshots() if one["id"].hex().startswith(prefix)]
    if len(found) != 1:
        raise Damage(f"{len(found)} snapshots begin with {prefix}")
    return found[0]


COMMANDS = {"check": _check, "snapshots": _snapshots, "ls": _ls, "extract": _extract}

if __name__ == "__main__":
    main()
