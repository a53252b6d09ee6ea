"""Liquid text, rendered within limits that a template cannot get around.

A template has no loops, no variables of its own and no filter that can multiply its input, so that its
cost grows with its length alone; what it prints is bounded.
"""

from collections.abc import Mapping
from typing import Final

from liquid import BoundTemplate, Environment, Mode, Undefined
from liquid.exceptions import LiquidError

from push.model.campaigns import Template
from push.model.delivery import Content

MAX_OUTPUT_BYTES: Final = 2000
"""Of one field; a push of all fields stays below what Web Push carries (RFC 8291 section 4: 4,096 bytes)."""

_TAGS: Final = frozenset({"content", "output", "illegal", "if", "unless", "case", "comment", "doc", "echo", "#"})
_FILTERS: Final = frozenset(
    {
        "abs", "append", "at_least", "at_most", "capitalize", "ceil", "date", "default", "divided_by", "downcase",
        "first", "floor", "last", "minus", "modulo", "plus", "prepend", "round", "size", "slice", "strip",
        "truncate", "truncatewords", "upcase", "url_encode",
    }
)  # fmt: skip


class TemplateError(ValueError):
    """A template that does not parse or render: which field, and what was wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")


class _Bounded(Environment):
    context_depth_limit = 10
    block_nesting_limit = 10
    loop_iteration_limit = 0
    output_stream_limit = MAX_OUTPUT_BYTES


def _environment() -> Environment:
    environment = _Bounded(tolerance=Mode.STRICT, undefined=Undefined)
    environment.tags = {name: tag for name, tag in environment.tags.items() if name in _TAGS}
    environment.filters = {name: f for name, f in environment.filters.items() if name in _FILTERS}
    return environment


_ENVIRONMENT: Final = _environment()


def render(template: Template, facts: Mapping[str, object]) -> Content:
    """The content that `facts` (shopper, store, zone, moment) make of a template. Raises `TemplateError`."""
    title = _field("title", template.title, facts)
    if not title:
        raise TemplateError("title", "rendered to nothing; give it a fallback with the `default` filter")
    return Content(
        title=title,
        body=_field("body", template.body, facts),
        url=None if template.url is None else _field("url", template.url, facts),
        image=None if template.image is None else _field("image", template.image, facts),
    )


def check(template: Template) -> None:
    """Raise `TemplateError` unless every field parses."""
    for field in ("title", "body", "url", "image"):
        text = getattr(template, field)
        if text is not None:
            _parse(field, text)


def _parse(field: str, text: str) -> BoundTemplate:
    try:
        return _ENVIRONMENT.from_string(text)
    except (LiquidError, RecursionError) as error:
        raise TemplateError(field, str(error)) from None


def _field(field: str, text: str, facts: Mapping[str, object]) -> str:
    try:
        return str(_parse(field, text).render(**facts)).strip()
    except (LiquidError, RecursionError, ValueError, OverflowError) as error:
        raise TemplateError(field, str(error)) from None
