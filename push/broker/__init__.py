"""MQTT on the server's side: the broker that Footfall runs itself, and the client to any broker.

settings, users ─▶ nats_config ─▶ embedded ─▶ (leash ─▶ nats-server)
                      lock, holders ─┘  │
                                        ▼ endpoint
                                     client ─▶ ingest (what gateways say), and the way down to them
"""
