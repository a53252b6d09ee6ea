"""The edge daemon: what a store's radios hear, forwarded once and for certain.

scan ─Advert▶ decode ─Frame▶ window ─Sighting▶ spool ─Batch▶ uplink ─MQTT▶ push
  ▲ watchdog                                     ▲ leaves only when the server acknowledged it
"""
