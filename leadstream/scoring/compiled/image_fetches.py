"""What fetches the images of an e-mail, told by its user agent: for a person who reads it, or before anybody.

An open is known by an image that was fetched. Proxies of mail services fetch it when a person opens the
e-mail; they hide who it was, not that it was somebody. Others fetch it when the e-mail arrives, read or not.
Sources are in docs/semantics.md.
"""

FETCHES_VERSION = "1"
"""Of the two lists below; rises with every change."""

OPENED = "email.opened"
IMAGE_PROXIES = (
    "googleimageproxy",  # Gmail
    "yahoomailproxy",  # Yahoo and AOL Mail
    "yahoocachesystem",  # the same, before
    "fastmailua",  # Fastmail
    "shortwave image fetcher",  # Shortwave
)
"""Parts of user agents, in lower case."""
PREFETCHES = frozenset(
    {
        # Apple's Mail Privacy Protection: nothing but this.
        "Mozilla/5.0",
        # Gmail, for a person who has it open, before the e-mail is shown.
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0",
    }
)
"""Whole user agents."""


def is_image_proxy(user_agent: str) -> bool:
    """Whether images are fetched by this one when a person opens an e-mail."""
    agent = user_agent.casefold()
    return any(proxy in agent for proxy in IMAGE_PROXIES)


def is_prefetch(user_agent: str) -> bool:
    """Whether images are fetched by this one whether or not a person opens the e-mail."""
    return user_agent.strip() in PREFETCHES
