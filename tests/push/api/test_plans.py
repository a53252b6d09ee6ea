"""Floor plans over real HTTP: a size, a picture that is what it says and nothing else, and zones that lie on it."""

import io
import struct
import zlib

import pytest
from PIL import Image

from push.registry.pictures import MOST_BYTES
from tests.support.servers import STORE, Answer, Caller

PLAN = f"/v1/stores/{STORE}/plan"
IMAGE = f"{PLAN}/image"
SECRET = b"GPS 53.55 9.99"


def picture(kind: str, size: tuple[int, int] = (80, 40), **options: object) -> bytes:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()  # ImageDescription (Exif 2.32, table 4)
    Image.new("RGB", size, (200, 30, 30)).save(out, kind, exif=exif, **options)
    return out.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def huge_png(width: int, height: int) -> bytes:
    """A picture whose header says how large it is, and whose few bytes would fill the memory."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


async def put(server: Caller, raw: bytes | io.BytesIO, media: str = "image/png") -> Answer:
    return await server.call("PUT", IMAGE, server.operator, data=raw, headers={"Content-Type": media})


@pytest.fixture
async def planned(server: Caller) -> Caller:
    await server.operate("PUT", PLAN, {"width_m": 20, "height_m": 10})
    return server


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
async def test_a_picture_is_kept_without_what_it_tells_beside_itself(planned: Caller, kind: str) -> None:
    raw = picture(kind) + b"<script>alert(1)</script>"
    assert SECRET in raw
    stored = await put(planned, raw, f"image/{kind.lower()}")
    assert (stored.status, stored.json["image"]["width_px"], stored.json["image"]["height_px"]) == (200, 80, 40)
    shown = await planned.call("GET", IMAGE, planned.operator)
    assert (shown.status, shown.headers["Content-Type"]) == (200, "image/webp")
    assert SECRET not in shown.raw
    assert b"script" not in shown.raw
    red, green, _ = Image.open(io.BytesIO(shown.raw)).convert("RGB").getpixel((40, 20))  # type: ignore[misc]  # RGB
    assert red > 3 * green


async def test_opened_by_itself_it_is_no_page_and_kept_it_is_asked_for_again(planned: Caller) -> None:
    await put(planned, picture("PNG"))
    shown = await planned.call("GET", IMAGE, planned.operator)
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
    again = await planned.call("GET", IMAGE, planned.operator, headers={"If-None-Match": shown.headers["ETag"]})
    assert (again.status, again.raw) == (304, b"")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "an SVG can hold scripts"),
        (b"\xef\xbb\xbf <?xml version='1.0'?><x/>", "an SVG can hold scripts"),
        (b"GIF89a" + bytes(50), "no PNG, JPEG or WebP, whatever its name says"),
        (b"<html><body onload=alert(1)>", "no PNG, JPEG or WebP"),
        (picture("PNG")[:60], "or it is broken"),
        (picture("JPEG")[:200], "or it is broken"),
        (b"", "no PNG, JPEG or WebP"),
        (huge_png(7000, 7000), "more than 40000000 pixels"),
        (huge_png(60_000, 60_000), "more than 40000000 pixels"),
        (huge_png(300, 300), "or it is broken"),
    ],
)
async def test_what_is_no_picture_is_refused_with_why(planned: Caller, raw: bytes, said: str) -> None:
    told = await put(planned, raw)
    assert (told.status, told.json["title"]) == (400, "Does not fit")
    assert said in told.json["detail"]
    assert (await planned.call("GET", IMAGE, planned.operator)).status == 404


async def test_what_is_too_large_or_of_another_kind_is_not_read(planned: Caller) -> None:
    assert (await put(planned, io.BytesIO(bytes(MOST_BYTES + 1)))).status == 413
    told = await put(planned, b"<svg/>", "image/svg+xml")
    assert (told.status, told.json["title"]) == (415, "Of another kind")


async def test_a_large_picture_is_made_smaller(planned: Caller) -> None:
    stored = await put(planned, picture("JPEG", (6000, 3000)), "image/jpeg")
    assert (stored.json["image"]["width_px"], stored.json["image"]["height_px"]) == (4096, 2048)


async def test_a_plan_is_read_changed_under_its_tag_and_deleted_with_its_picture(planned: Caller) -> None:
    read = await planned.call("GET", PLAN, planned.operator)
    assert read.json["plan"] == {"width_m": 20.0, "height_m": 10.0, "walls": []}
    await put(planned, picture("PNG"))
    late = await planned.call(
        "PUT", PLAN, planned.operator, {"width_m": 5, "height_m": 5}, headers={"If-Match": read.headers["ETag"]}
    )
    assert late.status == 412
    assert (await planned.call("DELETE", PLAN, planned.operator)).status == 204
    assert (await planned.call("GET", PLAN, planned.operator)).status == 404
    assert (await planned.call("GET", IMAGE, planned.operator)).status == 404


async def test_zones_and_plan_fit_each_other(planned: Caller) -> None:
    zone = {"store": STORE, "id": "a", "name": "A", "polygon_m": [[0, 0], [15, 0], [15, 10], [0, 10]]}
    await planned.operate("PUT", f"/v1/stores/{STORE}/zones/a", zone)
    small = await planned.call("PUT", PLAN, planned.operator, {"width_m": 12, "height_m": 10})
    assert "zone a: point 2 (15, 0) lies outside the plan of 12 by 10 m" in small.json["detail"]
    zone["polygon_m"] = [[0, 0], [25, 0], [25, 10], [0, 10]]
    wide = await planned.call("PUT", f"/v1/stores/{STORE}/zones/a", planned.operator, zone)
    assert "lies outside the plan of 20 by 10 m" in wide.json["detail"]


async def test_what_is_written_of_a_floor_is_in_force_at_once(planned: Caller) -> None:
    """The whole registry is read as it is in force."""
    plan = {"width_m": 20.0, "height_m": 10.0, "walls": [[[5.0, 0.0], [5.0, 8.5]]]}
    assert (await planned.operate("PUT", PLAN, plan))["plan"] == plan
    held = await planned.operate("GET", "/v1/registry")
    assert held["plans"] == [{"store": STORE, "plan": plan}]
    await planned.call("DELETE", PLAN, planned.operator)
    assert (await planned.operate("GET", "/v1/registry"))["plans"] == []
    await planned.operate("PUT", "/v1/registry", {"plans": held["plans"]})
    assert (await planned.operate("GET", PLAN))["plan"] == plan


async def test_walls_stand_on_the_plan(planned: Caller) -> None:
    for walls, said in (
        ([[[1, 1], [25, 1]]], "wall 1: (25, 1) lies outside the plan of 20 by 10 m"),
        ([[[0, 0], [1, 0]], [[1, 1], [1, 1]]], "wall 2 is 0.00 m long"),
        ([[[0, 0], [1, n % 9]] for n in range(501)], "length <= 500"),
    ):
        told = await planned.call("PUT", PLAN, planned.operator, {"width_m": 20, "height_m": 10, "walls": walls})
        assert (told.status, said in told.json["detail"]) == (400, True), told.json


async def test_without_a_store_there_is_no_plan_and_without_a_plan_no_picture(server: Caller) -> None:
    nowhere = await server.call("PUT", "/v1/stores/nowhere/plan", server.operator, {"width_m": 2, "height_m": 2})
    assert (nowhere.status, nowhere.json["detail"]) == (404, "There is no store nowhere.")
    bare = await put(server, picture("PNG"))
    assert (bare.status, bare.json["detail"]) == (404, f"Store {STORE} has no plan.")


async def test_a_name_that_leads_elsewhere_leads_nowhere(planned: Caller) -> None:
    for path in ("/v1/stores/..%2f..%2fetc/plan/image", "/v1/stores/s1%00/plan/image"):
        answer = await planned.call(
            "PUT", path, planned.operator, data=picture("PNG"), headers={"Content-Type": "image/png"}
        )
        assert answer.status in {400, 404}
