"""Coupons at the console, without a browser: a pool is made and filled, runs dry, and the till redeems a code once."""

from pathlib import Path

from tests.support.desk import Desk
from tests.support.people import first_admin, hired
from tests.support.servers import STORE, serving, settings

POOLS = "/console/coupons"
TILL = "/console/till"


async def test_a_pool_is_filled_runs_dry_and_the_till_says_when_a_code_was_used(tmp_path: Path) -> None:
    async with serving(settings(tmp_path / "data")) as server:
        await server.operate("PUT", f"/v1/stores/{STORE}", {"id": STORE, "name": "Altona"})
        desk = Desk(server, await first_admin(server))
        wanted = {"name": "Kaffee & Co", "kind": "list", "reward": "a coffee", "days": "7", "per_person": "1"}
        status, page = await desk.send(f"{POOLS}/new", **{**wanted, "percent": "200"})
        assert (status, 'id="w-percent"' in page) == (422, True), "what does not hold is said at its field"
        status, _ = await desk.send(f"{POOLS}/new", **wanted, stores=STORE)
        assert status == 303
        one = f"{POOLS}/kaffee-co"
        status, page = await desk.send(one, do="fill", codes="ABCD-1\nabcd 1")
        assert (status, "line 2: the code of line 1" in page, "abcd 1" in page) == (422, True, True)
        assert (await desk.send(one, do="fill", codes="ABCD-1"))[0] == 303
        offer = {"id": "c1", "name": "Coffee", "trigger": {"kind": "asked"}, "coupon": "kaffee-co"}
        await server.operate("PUT", "/v1/campaigns/c1", {**offer, "template": {"title": "Take {{ coupon.code }}"}})
        phone = await server.phone(marketing=True, inapp=True)
        shown = await server.operate("POST", "/v1/decide", {"shopper": phone.shopper, "store": STORE})
        assert shown["content"]["title"] == "Take ABCD-1"
        assert "Kaffee & Co is dry: Coffee cannot be said" in await desk.look(POOLS)
        sheet = await desk.look(f"/console/stores/{STORE}/promises")
        assert "Take (her code)" in sheet
        assert "a coffee, good for 7 days" in sheet
        staff = Desk(server, await hired(server, "tina", role="viewer", stores=[STORE]))
        status, page = await staff.send(TILL, store=STORE, typed="abcd1")
        assert (status, "Give her" in page, "a coffee" in page) == (200, True, True)
        status, page = await staff.send(TILL, store=STORE, typed="abcd1")
        assert (status, "Used today" in page, "in Altona." in page) == (409, True, True)
        assert (await staff.send(TILL, store=STORE, typed="no such"))[0] == 409
        again = await server.operate("POST", "/v1/decide", {"shopper": phone.shopper, "store": STORE})
        told = await server.operate("GET", f"/v1/decisions/{again['decision']}")
        assert [each["verdict"] for each in told["considered"]] == ["redeemed"], "she has had it"
        assert "1 redeemed" in await desk.look(one)


async def test_money_off_is_typed_as_people_write_it_and_kept_in_the_parts_of_its_currency(tmp_path: Path) -> None:
    async with serving(settings(tmp_path / "data")) as server:
        desk = Desk(server, await first_admin(server))
        given = {"name": "Five off", "kind": "signed", "reward": "€5 off", "days": "30", "per_person": "1"}
        for field, typed in (
            ("currency", {"amount": "4,50", "currency": "Euro"}),
            ("amount", {"amount": "4.505", "currency": "EUR"}),
            ("amount", {"amount": "1e999999999", "currency": "EUR"}),
            ("amount", {"amount": "4.5", "currency": "JPY"}),
            ("percent", {"amount": "4.5", "currency": "EUR", "percent": "10"}),
        ):
            status, page = await desk.send(f"{POOLS}/new", **given, **typed)
            assert (status, f'id="w-{field}"' in page) == (422, True), typed
        assert (await desk.send(f"{POOLS}/new", **given, amount="4,50", currency="eur"))[0] == 303
        [pool] = [each["pool"] for each in await server.operate("GET", "/v1/coupon-pools")]
        assert (pool["amount_minor"], pool["currency"]) == (450, "EUR")
        page = await desk.look(f"{POOLS}/five-off")
        assert 'value="4.50"' in page
        assert "€5 off (€4.50)" in page
        assert (await desk.send(f"{POOLS}/five-off", **given, amount="", currency="EUR"))[0] == 303
        assert "€5 off (€4.50)" not in await desk.look(f"{POOLS}/five-off")
