"""Liquid text, rendered within limits that a template cannot get around.

A template has no loops, no ranges, no variables of its own and no filter that can multiply its input or reads a
clock, so that its cost grows with its length alone; what it is given and what it prints are bounded.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any, Final

from liquid import BoundTemplate, Environment, Mode, RenderContext, Undefined
from liquid.builtin.expressions import FilteredExpression
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.exceptions import FilterError, LiquidError
from liquid.expression import Expression

from push.model.campaigns import Template
from push.model.delivery import Content

MAX_OUTPUT_BYTES: Final = 2000
"""Of one field; a push of all fields stays below what Web Push carries (RFC 8291 section 4: 4,096 bytes)."""
MAX_FACT_CHARS: Final = 1000
"""Of one text that a template sees."""
MAX_FILTERED_CHARS: Final = 2 * MAX_OUTPUT_BYTES
"""Of what a filter returns: the same one all along a template may make a text a little longer each time."""
MAX_TAGS: Final = 400
"""Of one field: looking for the ends of tags that have none takes the square of their number."""
MAX_PROBLEM_CHARS: Final = 200
"""Of what is said about a template that failed: it stands in the decision's receipt."""

_TAGS: Final = frozenset({"content", "output", "illegal", "if", "unless", "case", "comment", "doc", "echo", "#"})
_FILTERS: Final = frozenset(
    {
        "abs", "append", "at_least", "at_most", "capitalize", "ceil", "default", "divided_by", "downcase",
        "first", "floor", "last", "minus", "modulo", "plus", "prepend", "round", "size", "slice", "strip",
        "truncate", "truncatewords", "upcase", "url_encode",
    }
)  # fmt: skip


class TemplateError(ValueError):
    """A template that does not parse or render: which field, and what was wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem.partition(chr(10))[0][:MAX_PROBLEM_CHARS]}")


class _Bounded(Environment):
    context_depth_limit = 10
    block_nesting_limit = 10
    loop_iteration_limit = 0
    output_stream_limit = MAX_OUTPUT_BYTES


def _environment() -> Environment:
    environment = _Bounded(tolerance=Mode.STRICT, undefined=Undefined)
    environment.tags = {name: tag for name, tag in environment.tags.items() if name in _TAGS}
    environment.filters = {name: _bounded_filter(f) for name, f in environment.filters.items() if name in _FILTERS}
    return environment


def _bounded_filter(filter_: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(filter_)
    def bounded(*args: object, **kwargs: object) -> object:
        result = filter_(*args, **kwargs)
        if isinstance(result, str) and len(result) > MAX_FILTERED_CHARS:
            raise FilterError(f"a filter made a text of more than {MAX_FILTERED_CHARS} characters", token=None)
        return result

    return bounded


_ENVIRONMENT: Final = _environment()


def render(template: Template, facts: Mapping[str, object]) -> Content:
    """The content that `facts` (shopper, store, zone, moment) make of a template. Raises `TemplateError`."""
    seen = _bounded(facts)
    title = _field("title", template.title, seen)
    if not title:
        raise TemplateError("title", "rendered to nothing; give it a fallback with the `default` filter")
    return Content(
        title=title,
        body=_field("body", template.body, seen),
        url=None if template.url is None else _field("url", template.url, seen),
        image=None if template.image is None else _field("image", template.image, seen),
    )


def _bounded(facts: Mapping[str, object]) -> dict[str, object]:
    return {name: _bounded_value(value) for name, value in facts.items()}


def _bounded_value(value: object) -> object:
    if isinstance(value, str):
        return value[:MAX_FACT_CHARS]
    return _bounded(value) if isinstance(value, Mapping) else value


def check(template: Template) -> None:
    """Raise `TemplateError` unless every field parses."""
    for field in ("title", "body", "url", "image"):
        text = getattr(template, field)
        if text is not None:
            _parse(field, text)


def _parse(field: str, text: str) -> BoundTemplate:
    if text.count("{{") + text.count("{%") > MAX_TAGS:
        raise TemplateError(field, f"more than {MAX_TAGS} tags")
    try:
        template = _ENVIRONMENT.from_string(text)
        for expression in _expressions(template):
            _check(field, expression)
    except (LiquidError, RecursionError) as error:
        raise TemplateError(field, str(error)) from None
    return template


def _check(field: str, expression: Expression) -> None:
    if isinstance(expression, RangeLiteral):  # searching one for what is no number takes as long as it is wide
        raise TemplateError(field, "ranges such as (1..9) are not supported")
    if isinstance(expression, FilteredExpression):
        for used in expression.filters or ():
            used.validate_filter_arguments(_ENVIRONMENT)


def _expressions(template: BoundTemplate) -> Iterator[Expression]:
    """Every expression in a template, those inside others included."""
    context = RenderContext(template)
    nodes = list(template.nodes)
    while nodes:
        node = nodes.pop()
        nodes += node.children(context, include_partials=False)
        inner = list(node.expressions())
        while inner:
            expression = inner.pop()
            yield expression
            inner += expression.children()


def _field(field: str, text: str, facts: Mapping[str, object]) -> str:
    template = _parse(field, text)
    try:
        return str(template.render(**facts)).strip()
    except LiquidError as error:
        raise TemplateError(field, str(error)) from None
    except Exception as error:  # noqa: BLE001 - filters let any error through; it costs this campaign, never the server
        raise TemplateError(field, f"cannot be rendered with these facts ({type(error).__name__})") from None
