"""The shared language of Footfall: what a radio says, who is registered, and what travels on the wire.

    payload bytes ─ad─▶ AD structures ─frames─▶ Frame ─ids─▶ (kind, id) ─wire─▶ Sightings in a Batch

`registry` names the places and transmitters, `eid` computes rotating identities, `config` reads
settings. Pure but for the command line: no asyncio, no SQL, no HTTP, no clock.
"""
