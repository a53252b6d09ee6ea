"""Pages from templates: everything autoescaped, what is missing an error, all of it read before the loop runs."""

from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any, Final

from jinja2 import DictLoader, Environment, StrictUndefined

from push.console import times, words
from push.console.assets import Assets
from push.console.spark import spark

SECURITY: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""What every page is served with: nothing from elsewhere, nothing inline, nothing kept, no address told to others."""


def _pairs(items: Iterable[Any]) -> list[tuple[str, str]]:
    """Id and name of each, to choose from."""
    return [(item.id, item.name) for item in items]


class Pages:
    """Every template, compiled."""

    def __init__(self, assets: Assets) -> None:
        """Read and compile: takes a moment, and blocks."""
        self.assets = assets
        folder = files(__package__).joinpath("templates")
        texts = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}
        self._environment = Environment(
            loader=DictLoader(texts),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals.update(asset=assets.url, spark=spark)
        self._environment.filters.update(
            number=words.number,
            clock=times.clock,
            clock_s=times.clock_s,
            weekday=times.weekday,
            day=times.day,
            iso=times.iso,
            when=times.when,
            lasting=times.lasting,
            counted=words.count,
            pairs=_pairs,
        )
        self._templates = {name: self._environment.get_template(name) for name in texts}
        times.warm_up()

    def render(self, template: str, values: Mapping[str, object]) -> str:
        """One page. Raises `jinja2.UndefinedError` where a value is missing."""
        return self._templates[template].render(values)
