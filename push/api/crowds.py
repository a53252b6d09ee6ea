"""Too many people at once who are new, through a key that ships in apps and pages."""

from push.api.contract import Context, ProblemError


def refuse_crowd(context: Context, wait_ms: int) -> None:
    """Raises `ProblemError` 429 where a key has to wait, and counts it."""
    if wait_ms:
        context.collecting.read_counts["too_many_new"] += 1
        detail = "This key brings more new people in a minute than it may. Nothing was taken: ask again later."
        raise ProblemError(429, "Too many new", detail, {"Retry-After": str(-(-wait_ms // 1000))})
