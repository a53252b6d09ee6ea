"""Master keys in their files."""

from push.model.vault import MasterKeys
from push.secrets import master_keys
from push.settings import PushSettings


def read_keys(settings: PushSettings) -> MasterKeys:
    """The master key, made where there is none, and those before it. Raises `push.secrets.SecretFileError`."""
    return master_keys(settings.file(settings.master_key_file), map(settings.file, settings.master_key_previous_files))
