"""Master keys in their files."""

import os
from pathlib import Path

from beacons.config import load
from push.model.vault import MasterKeys
from push.secrets import master_keys
from push.settings import PushSettings


def read_settings(config: Path | None) -> PushSettings:
    """The server's settings. Raises `beacons.config.ConfigError`."""
    return load(PushSettings, "push", config, os.environ)


def read_keys(settings: PushSettings) -> MasterKeys:
    """The master key, made where there is none, and those before it. Raises `push.secrets.SecretFileError`."""
    return master_keys(settings.file(settings.master_key_file), map(settings.file, settings.master_key_previous_files))
