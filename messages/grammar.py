"""What the small words of a clause do to what it says."""

from messages.evidence import Found

# Where "not" comes with the verb at the end, or asks at the end.
NEGATE_LAST = frozenset({"bn", "fa", "hi", "hy", "ja", "ko", "pa", "ur", "vi"})


def denies(hit: Found, told: list[Found]) -> bool:
    """Whether this is a no that the statement is under: before its end, unless the language puts it last."""
    if hit.tag.key != "negation":
        return False
    return hit.tag.code in NEGATE_LAST or hit.start < max(one.end for one in told)


def is_within(hit: Found, others: list[Found]) -> bool:
    return any(other.start <= hit.start and hit.end <= other.end for other in others)
