"""The published clients of Segment and RudderStack, unmodified, in a process of their own.

``python tests/support/sdk_caller.py segment http://127.0.0.1:8080 ff_collector_…``
"""

import sys
from datetime import UTC, datetime
from typing import Any

from rudderstack.analytics.client import Client as RudderClient
from segment.analytics.client import Client as SegmentClient

CONSENT = {"consent": {"categoryPreferences": {"Functional": True}}}


def client(name: str, host: str, key: str) -> Any:  # noqa: ANN401 - of libraries without types
    def failed(error: Exception, _batch: object) -> None:
        sys.exit(f"refused: {error}")

    kind = {"segment": SegmentClient, "rudder": RudderClient}[name]
    return kind(key, host=host, gzip=name == "rudder", on_error=failed, max_retries=1)


def main(name: str, host: str, key: str) -> None:
    """Somebody browses, becomes known, buys, under ids that start with the client's name."""
    sdk = client(name, host, key)
    user, anonymous = f"{name}-ann", f"{name}-anon"
    # The day before, and told late: it takes its place all the same.
    early = datetime(2026, 1, 1, tzinfo=UTC)
    sdk.identify(user, {"plan": "gold", "email": f"{name}@example.org"}, context=dict(CONSENT), timestamp=early)
    sdk.track(
        anonymous_id=anonymous,
        user_id=None,
        event="Product Viewed",
        properties={"product_id": "p-1"},
        context=dict(CONSENT),
    )
    sdk.alias(anonymous, user)
    sdk.page(user, "Docs", "Home", {"path": "/"})
    sdk.screen(user, "Docs", "Start")
    sdk.group(user, "acme", {"name": "Acme"})
    products = [{"product_id": "p-1", "price": 19.9, "quantity": 2, "category": "Shoes", "brand": "Acme"}]
    order = {"order_id": "o-1", "total": 39.8, "currency": "EUR", "products": products}
    for _ in range(2):
        sdk.track(user, "Order Completed", order, message_id="once")
    sdk.identify(user, {"plan": "blue"}, timestamp=datetime(2025, 12, 1, tzinfo=UTC))
    sdk.flush()
    sdk.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
