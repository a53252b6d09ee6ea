"""Liquid text, rendered within limits that a template cannot get around, in one of two dialects.

`PLAIN` has no loops, no ranges, no variables of its own and no filter that can multiply its input or reads a clock, so
that its cost grows with its length alone; what it is given and what it prints are bounded. It is rendered where the
decision is made. `LOOPS` has them, and what they cost cannot be told from their text: it is rendered in processes of
limited time and memory alone (`push.campaigns.sandbox`).
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, wraps
from typing import Any, Final, NamedTuple

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
_MOST_OF_ONE: Final = 4
"""Bytes of a character, in UTF-8."""
MAX_FILTERED_CHARS: Final = 2 * MAX_OUTPUT_BYTES
"""Of what a filter returns: the same one all along a template may make a text a little longer each time."""
MAX_TAGS: Final = 400
"""Of one field: looking for the ends of tags that have none takes the square of their number."""
MAX_ITEMS: Final = 50
"""Of one list that a template sees."""
MAX_TURNS: Final = 2000
"""Of a loop, times those of the loops around it."""
MAX_LOCAL_BYTES: Final = 100_000
"""Of a template's own variables."""
MOST_PARSED: Final = 1024
"""Texts that are kept parsed: some 10 kB each."""
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

_LOOP_TAGS: Final = frozenset({"for", "break", "continue", "assign", "capture", "cycle", "increment", "decrement"})
_LOOP_FILTERS: Final = frozenset(
    {
        "compact", "concat", "escape", "join", "lstrip", "map", "newline_to_br", "remove", "replace", "reverse",
        "rstrip", "sort", "sort_natural", "split", "squish", "strip_html", "sum", "times", "uniq", "where",
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


class _Looping(_Bounded):
    loop_iteration_limit = MAX_TURNS
    local_namespace_limit = MAX_LOCAL_BYTES


class Dialect(NamedTuple):
    """What templates may use."""

    environment: Environment
    has_ranges: bool


def _dialect(environment: Environment, tags: frozenset[str], filters: frozenset[str], *, has_ranges: bool) -> Dialect:
    environment.tags = {name: tag for name, tag in environment.tags.items() if name in tags}
    environment.filters = {name: _bounded_filter(f) for name, f in environment.filters.items() if name in filters}
    return Dialect(environment, has_ranges)


def _bounded_filter(filter_: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(filter_)
    def short(*args: object, **kwargs: object) -> object:
        result = filter_(*args, **kwargs)
        if isinstance(result, str) and len(result) > MAX_FILTERED_CHARS:
            raise FilterError(f"a filter made a text of more than {MAX_FILTERED_CHARS} characters", token=None)
        return result

    return short


PLAIN: Final = _dialect(_Bounded(tolerance=Mode.STRICT, undefined=Undefined), _TAGS, _FILTERS, has_ranges=False)
LOOPS: Final = _dialect(
    _Looping(tolerance=Mode.STRICT, undefined=Undefined),
    _TAGS | _LOOP_TAGS,
    _FILTERS | _LOOP_FILTERS,
    has_ranges=True,
)


def render(template: Template, facts: Mapping[str, object], dialect: Dialect = PLAIN) -> Content:
    """The content that `facts` (shopper, store, zone, moment) make of a template. Raises `TemplateError`."""
    seen = bounded(facts)
    title = _field("title", template.title, seen, dialect)
    if not title:
        raise TemplateError("title", "rendered to nothing; give it a fallback with the `default` filter")
    return Content(
        title=title,
        body=_field("body", template.body, seen, dialect),
        url=None if template.url is None else _field("url", template.url, seen, dialect),
        image=None if template.image is None else _field("image", template.image, seen, dialect),
    )


def bounded(facts: Mapping[str, object]) -> dict[str, object]:
    """Facts as templates see them: long texts and lists are cut."""
    return {name: _bounded_value(value) for name, value in facts.items()}


def _bounded_value(value: object) -> object:
    if isinstance(value, str):
        return value[:MAX_FACT_CHARS]
    if isinstance(value, list | tuple):
        return [_bounded_value(each) for each in value[:MAX_ITEMS]]
    return bounded(value) if isinstance(value, Mapping) else value


def check(template: Template) -> None:
    """Raise `TemplateError` unless every field parses, in one dialect or the other."""
    is_plain(template)


@lru_cache(maxsize=MOST_PARSED)
def is_plain(template: Template) -> bool:
    """Whether no field needs loops. Raises `TemplateError` where one parses in neither dialect."""
    try:
        _check_fields(template, PLAIN)
    except TemplateError:
        _check_fields(template, LOOPS)
        return False
    return True


def _check_fields(template: Template, dialect: Dialect) -> None:
    for field in ("title", "body", "url", "image"):
        text = getattr(template, field)
        if text is not None:
            _parse(field, text, dialect)


def _parse(field: str, text: str, dialect: Dialect) -> BoundTemplate:
    if text.count("{{") + text.count("{%") > MAX_TAGS:
        raise TemplateError(field, f"more than {MAX_TAGS} tags")
    try:
        return _parsed(text, dialect)
    except (LiquidError, RecursionError, _RangeError) as error:
        raise TemplateError(field, str(error)) from None


class _RangeError(ValueError):
    """A range, where there are none."""


@lru_cache(maxsize=MOST_PARSED)
def _parsed(text: str, dialect: Dialect) -> BoundTemplate:
    """A text parsed, which takes far longer than to render it; it keeps nothing of what it is rendered with."""
    template = dialect.environment.from_string(text)
    for expression in _expressions(template):
        _check(expression, dialect)
    return template


def _check(expression: Expression, dialect: Dialect) -> None:
    if isinstance(expression, RangeLiteral) and not dialect.has_ranges:
        # searching one for what is no number takes as long as it is wide
        raise _RangeError("ranges such as (1..9) are not supported")
    if isinstance(expression, FilteredExpression):
        for used in expression.filters or ():
            used.validate_filter_arguments(dialect.environment)


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


def _field(field: str, text: str, facts: Mapping[str, object], dialect: Dialect) -> str:
    if "{" not in text and len(text) * _MOST_OF_ONE <= MAX_OUTPUT_BYTES:  # says the same to everybody
        return text.strip()
    template = _parse(field, text, dialect)
    try:
        return str(template.render(**facts)).strip()
    except LiquidError as error:
        raise TemplateError(field, str(error)) from None
    except Exception as error:  # noqa: BLE001 - filters let any error through; it costs this campaign, never the server
        raise TemplateError(field, f"cannot be rendered with these facts ({type(error).__name__})") from None
