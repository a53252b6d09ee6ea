"""External tools: a laptop may lack one and skips, CI must have it."""

import os
import shutil

import pytest


def ci_or_skip(*names: str) -> str:
    """The path of the first of `names` on PATH; without any, skip by name, or fail where `CI` is set."""
    for name in names:
        path = shutil.which(name)
        if path is not None:
            return path
    reason = f"needs {' or '.join(names)}, not installed here"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
