"""How gateways, beacons and tags come to their secrets.

one-time code ─gateway─▶ secret, broker login, certificate of a small authority, settings
X25519 keys ─beacon────▶ identity key of a rotating id (`beacons.provisioning`)
code on a card ─person─▶ a tag of hers; claiming is not consenting
"""
