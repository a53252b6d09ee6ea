"""An instrument that drives gateways: firmware on a radio, carried over a floor, with faults on demand.

walkers ─positions▶ floor ─▶ radio ◀─payloads─ firmware
                               ├▶ backend: an in-process bleak scanner (no Bluetooth needed)
                               └▶ bluez: an org.bluez service on a real D-Bus
"""
