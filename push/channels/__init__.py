"""Ways to a device, one file each, alike inside: settings, payload, client, errors, in that order."""
