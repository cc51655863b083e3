"""Seeds derived from the run's seed by name, so that no two uses of chance share a stream."""

import hashlib


def named_seed(seed: int, name: str, *indices: int) -> int:
    """Return the seed of one use of chance, 0 .. 2^63-1: a pure function of its arguments.

    Args:
        seed: The run's.
        name: What chance is used for, such as `dropout`.
        indices: Which use of it, such as epoch, step and rank.
    """
    text = "/".join([str(seed), name, *map(str, indices)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
