"""What can be wrong with something that was read."""


class Damage(Exception):
    """These bytes are not what docs/format.md says they must be."""


class Newer(Damage):
    """These bytes use a reserved value: made by a newer version."""


def require(condition, message):
    """Raise Damage unless the condition holds."""
    if not condition:
        raise Damage(message)
