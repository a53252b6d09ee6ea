"""Options that the commands share."""

from pathlib import Path
from typing import Final

import click

DEFAULT_CONFIG: Final = "/etc/footfall/config.toml"

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=DEFAULT_CONFIG,
    show_default=True,
    help="The settings; their [gateway] table counts here.",
)
