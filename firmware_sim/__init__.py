"""An instrument that drives gateways: firmware on a radio, carried over a floor, with faults on demand.

    walkers ─pose─▶ world ◀─advertisement─ firmware ◀─ builds        floor: zones, gateways, fixtures
                      └▶ radio ─Heard─▶ air ─socket─┬▶ backend: an in-process bleak scanner (no Bluetooth needed)
                                                    ├▶ bluez: an org.bluez service on a real D-Bus
                                                    └▶ ranging ▶ phones ─phone_api, sse─▶ the server
                                                                   └─push_client─ push_service (Web Push)

`bulk` is the same air in columns, when nobody waits; `walks` tries the real presence against the truth. `faults`
breaks values on their way, `proxy` breaks connections. Deterministic under a seed, and faster than real time where no
real process is involved.
"""
