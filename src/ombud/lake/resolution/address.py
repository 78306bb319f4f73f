"""What an address says: which platform, what kind of place, its name and its number.

Made for addresses as OCR reads them: ``https://www.faoebook.comlevents/123l``
is an event on Facebook. Nothing here compares two addresses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from rapidfuzz.fuzz import ratio

from ombud.lake.resolution.glyphs import clean, compare

__all__ = ["Address", "parse_address"]

PLATFORMS = {
    "facebook.com": "facebook",
    "instagram.com": "instagram",
    "twitter.com": "twitter",
    "vk.com": "vk",
    "tiktok.com": "tiktok",
}
_SCHEME = re.compile(r"^\s*h?ttps?\s*[:;]\s*[/l|I\\]{0,2}", re.IGNORECASE)
_WWW = re.compile(r"^(?:www|vvww|wvvw|m|web|mobile)[.,]", re.IGNORECASE)
_SUBDOMAIN = re.compile(
    r"^(?:[a-z0-9-]{1,20}\.){1,2}(?=(?:facebook|instagram|twitter|vk|tiktok)\.com(?:[/?#:]|$))", re.IGNORECASE
)
"""de-de.facebook.com, business.facebook.com: the same platform"""
_PORT = re.compile(r"^\.?(?::[0-9]{1,5})?(?=[/?#]|$)")
_HOST = re.compile(r"^[A-Za-z0-9|!.\-_\u00c0-\uffff]+")
_SLASHES = "/lI|!]\\1"
_NAME_AND_NUMBER = re.compile(r"^(?P<name>.*?)[-\u2014](?P<number>[0-9][0-9OolI|TSBZg]{11,18})(?P<rest>\W?)$")
_NUMBER = re.compile(r"[0-9][0-9OoTSBZ]{9,18}")
_RID = re.compile(r"[?&](?:rid|page_id)=([0-9]{10,19})(?![0-9])")
_NO_PAGE = ("login", "commerce", "sharer", "share", "dialog", "help", "watch", "hashtag", "search", "photo", "l.php")
_BY_ID = ("profile.php", "permalink.php", "story.php")
_ID = re.compile(r"[?&]id=([0-9]{5,19})(?![0-9])")
_THINGS = ("photo.php", "video.php", "media", "reel", "marketplace", "stories")
_TWO_PART = re.compile(r"(?:co|com|org|net|gov|ac|edu)\.[a-z]{2}")
_MOST_HOST_COST = 1.0
_LIKE_A_HOST, _LIKE_A_WORD = 75.0, 60.0


@dataclass(frozen=True, slots=True)
class Address:
    """An address, taken apart. Two equal addresses are the same place on any platform."""

    platform: str
    """facebook, instagram, ...; `web` for a plain site; `none` for what is no address"""
    kind: str
    """page, group, event, post, site or unknown"""
    name: str
    """the name in the address, as read; for a site its registrable domain"""
    number: str | None
    """the platform's own number of the place, as read"""
    unique_name: bool = True
    """whether the platform gives this name to one place only; titles before a number may repeat"""

    @property
    def key(self) -> str:
        """Return what distinguishes the place on its platform: without case, dashes and points where these do not."""
        name = clean(self.name).casefold()
        if self.platform == "facebook":
            name = re.sub(r"[-_. ]", "", name)
        return f"{self.platform}:{self.kind}:{name}:{self.number or ''}:{'u' if self.unique_name else 't'}"


def _platform(text: str) -> tuple[str, str] | None:
    """Return the platform and the path when `text` begins with a known host, misread or not."""
    plain = text[:16].casefold()
    for host, platform in PLATFORMS.items():
        if plain.startswith(host):
            return platform, _path(text[len(host) :])
    for host, platform in PLATFORMS.items():
        if ratio(plain[: len(host)], host) < _LIKE_A_HOST:
            continue
        for length in (len(host), len(host) - 1, len(host) + 1):
            head = text[:length]
            found = compare(head, host, separators=True)
            if found.ordinary == 0 and found.cost <= _MOST_HOST_COST and not head.endswith("/"):
                return platform, _path(text[length:])
    return None


def _path(tail: str) -> str:
    """Return the path after a host, whose slash OCR may have read as another character."""
    tail = _PORT.sub("", tail)
    if not tail or tail[0] in "/?#":
        return tail.lstrip("/")
    if tail[0] == "N":  # the two strokes of "/V" run together
        return "V" + tail[1:]
    return tail[1:] if tail[0] in _SLASHES else tail


def _begins(part: str, word: str) -> int | None:
    """Return how many characters of `part` are a reading of `word`, if it begins with one."""
    head = part[: len(word)]
    if head.casefold() == word:
        return len(word)
    if len(head) < len(word) or ratio(head.casefold(), word) < _LIKE_A_WORD:
        return None
    found = compare(head, word)
    return len(word) if found.ordinary == 0 and found.misreadings <= 1 else None


def _on_platform(platform: str, path: str) -> Address:
    parts = [unquote(p) for p in re.split(r"/+", re.split(r"[?#]", path)[0]) if p]
    if not parts:
        return Address(platform, "unknown", "", None)
    return _numbered(platform, path, parts) or _page(platform, path, parts)


def _numbered(platform: str, path: str, parts: list[str]) -> Address | None:
    """Return events, groups, products and posts, which are no pages; otherwise null."""
    first = parts[0]
    for word, kind in (("events", "event"), ("groups", "group")):
        length = _begins(first, word)
        if length:
            inside = "/".join([first[length:], *parts[1:]]).lstrip(_SLASHES[:-1])
            number = _NUMBER.match(inside)
            return Address(platform, kind, "" if number else inside.rstrip("/"), number[0] if number else None)
    if any(_begins(first, word) == len(first) for word in _NO_PAGE):
        number = _NUMBER.search(path)
        return Address(platform, "post", "", number[0]) if number else Address(platform, "unknown", path, None)
    if platform == "facebook" and first.lower() in _THINGS:
        number = _NUMBER.search(path)
        return Address(platform, "post", "" if number else path.rstrip("/"), number[0] if number else None)
    if platform == "instagram" and first in {"p", "reel", "tv"}:
        return Address(platform, "post", "/".join(parts[1:2]), None)
    return None


def _page(platform: str, path: str, parts: list[str]) -> Address:
    first = parts[0]
    if platform == "facebook" and first.lower() in _BY_ID and (by_id := _ID.search(path)):
        return Address(platform, "page", "", by_id[1], unique_name=False)
    if platform == "facebook" and first == "p" and len(parts) > 1:  # p/NAME-NUMBER
        first = parts[1]
    if platform == "facebook" and first in {"pages", "people"} and len(parts) > 2:  # noqa: PLR2004 - pages/NAME/NUMBER
        number = _NUMBER.match(parts[2])
        return Address(platform, "page", parts[1], number[0] if number else None, unique_name=False)
    if _NUMBER.fullmatch(first):
        return Address(platform, "page", "", first, unique_name=False)
    found = _NAME_AND_NUMBER.match(clean(first)) if platform == "facebook" else None
    if found:
        return Address(platform, "page", found["name"], found["number"], unique_name=False)
    rid = _RID.search(path)
    return Address(platform, "page", first.lstrip("@"), rid[1] if rid else None)


def _site(text: str) -> Address:
    host = _HOST.match(text)
    labels = [label for label in host[0].casefold().split(".") if label] if host else []
    if len(labels) < 2:  # noqa: PLR2004 - a domain has two labels
        return Address("none", "unknown", text, None)
    known = next((t for t in ("com", "org", "net", "info", "gov") if _begins(labels[-1], t)), None)
    if known:
        labels[-1] = known
    count = 3 if _TWO_PART.fullmatch(".".join(labels[-2:])) else 2
    return Address("web", "site", ".".join(labels[-count:]), None)


def parse_address(url: str) -> Address:
    """Take `url` apart; never raises: what is no address has the platform `none`."""
    text = _SCHEME.sub("", clean(url))
    text = _SUBDOMAIN.sub("", _WWW.sub("", text))
    found = _platform(text)
    return _on_platform(*found) if found else _site(text)
