"""Footfall's own words for its own purposes: title and benefit, for sites that set none."""

from collections.abc import Mapping
from typing import Final

from push.model.people import Purpose

PURPOSE_TEXTS: Final[Mapping[Purpose, tuple[str, str]]] = {
    "adult": ("I am {age} or older", "Nobody younger is recognised in our stores, or gets offers of her own."),
    "location": ("Notice when I visit", "Your phone is recognised in our stores, so that offers fit the moment."),
    "marketing": ("Send me offers", "At most one offer during a visit. You can stop at any time."),
    "profiling": ("Make offers personal", "Your name, visits and purchases choose what you are offered."),
    "inapp": ("Show offers in this app", "Offers appear here while the app is open."),
    "webpush": ("Send notifications", "Offers appear as notifications even when the app is closed."),
    "fcm": ("Send notifications", "Offers appear as notifications, through Google's service."),
    "apns": ("Send notifications", "Offers appear as notifications, through Apple's service."),
    "email": ("Send e-mail", "Offers come to your mailbox. Every mail has a link that ends them."),
    "webhook": ("Send messages to my number", "Offers come as a text message."),
    "screen": ("Greet me on screens", "A screen in the store may greet you by the nickname that you choose."),
}
