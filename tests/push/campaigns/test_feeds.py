"""What feeds say: of one store before what is said of everywhere, and nothing that nobody asked for."""

from push.campaigns import feeds

SAID = {"feed.weather.rain": False, "feed.weather.rain@s1": True, "feed.match.home@s2": 1}


def test_what_is_said_of_a_store_holds_there() -> None:
    asked = ("feed.weather.rain", "feed.match.home")
    assert feeds.at(SAID, asked, "s1") == {"feed.weather.rain": True}
    assert feeds.at(SAID, asked, "s2") == {"feed.match.home": 1, "feed.weather.rain": False}
    assert feeds.at(SAID, asked[:1], "") == {"feed.weather.rain": False}
