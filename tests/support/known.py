"""People as a shop's systems tell of them: Anna, who is known by much, and others beside her."""

import datetime as dt
from typing import Any, Final

import aiohttp

from push.profiles.settings import ProfileSettings
from tests.support.console import Chain

CATEGORIES: Final = ProfileSettings(
    minimum_age=0, consent_categories={"all": ("adult", "location", "profiling", "marketing", "email")}
)
AGREED: Final[dict[str, Any]] = {"consent": {"categoryPreferences": {"all": True}}}
MAIL: Final = "anna@wolken.example"


def _ago(days: float) -> str:
    return (dt.datetime.now(dt.UTC) - dt.timedelta(days=days)).isoformat()


def _order(number: int, user: str, days: float, euros: int) -> dict[str, Any]:
    said = {
        "order_id": f"o-{number}", "total": euros, "currency": "EUR",
        "products": [{"product_id": f"p{number % 3}", "category": ("Running", "Hiking")[number % 2], "quantity": 1}],
    }  # fmt: skip
    return {
        "type": "track", "event": "Order Completed", "userId": user, "messageId": f"m-order-{number}",
        "timestamp": _ago(days), "properties": said,
    }  # fmt: skip


def anna() -> list[dict[str, Any]]:
    """Known by a customer number, two mailboxes, a phone and a browser; four orders, and things she looked at."""
    hello = {"type": "identify", "userId": "K-4711", "timestamp": _ago(400), "context": AGREED}
    browser = {"anonymousId": "b7c1-browser"}
    spent = ((300, 89), (190, 120), (80, 64), (9, 149))
    return [
        {**hello, "messageId": "m1", "traits": {"email": MAIL, "firstName": "Anna", "city": "Hamburg", "shoeSize": 42}},
        {**hello, "messageId": "m2", "timestamp": _ago(300), "traits": {"email": "a.wolken@werk.example"}},
        {**hello, "messageId": "m3", "timestamp": _ago(200), "traits": {"phone": "+49 170 1234567"}},
        {**hello, "messageId": "m4", "timestamp": _ago(90), **browser},
        *(_order(n, "K-4711", days, euros) for n, (days, euros) in enumerate(spent)),
        {
            "type": "track", "event": "Product Viewed", **browser, "messageId": "m5", "timestamp": _ago(1),
            "properties": {"product_id": "p1", "name": "Trail runner", "category": "Running"},
        },
    ]  # fmt: skip


def others() -> list[dict[str, Any]]:
    """Five more with orders, so that there is an everyone; one of them gives Anna's mailbox as hers."""
    found: list[dict[str, Any]] = []
    for n in range(5):
        user, days = f"K-50{n}", 30 * n + 3
        hello = {"type": "identify", "userId": user, "messageId": f"h{n}", "timestamp": _ago(320), "context": AGREED}
        found += [{**hello, "traits": {"email": MAIL if n == 0 else f"{user}@post.example"}}]
        found += [_order(100 + 10 * n + k, user, days + 40 * k, 20 * (n + 1)) for k in range(n + 1)]
    return found


async def tell(chain: Chain, messages: list[dict[str, Any]]) -> None:
    """Tell the server, as a back end does."""
    made = await chain.post("/v1/tokens", {"scope": "collector", "subject": "till", "name": "Till"})
    headers = {"Authorization": f"Bearer {made['token']}"}
    async with (
        aiohttp.ClientSession(chain.url, headers=headers) as http,
        http.post("/v1/batch", json={"batch": messages}) as answer,
    ):
        assert answer.status == 200, await answer.text()
        told = await answer.json()
        assert told["success"], told
