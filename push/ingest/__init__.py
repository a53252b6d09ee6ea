"""From payloads to what is durable: one tick takes everything that arrived, one transaction keeps all of it.

    payload ─intake▶ Batch ─times, columns▶ sightings ─observe▶ Observations ─presence▶ Changes ─record▶ commit ▶ ack

`marks` knows what was applied already, `journal` what presence is rebuilt from; `take` fills ticks, `engine` runs them.
"""
