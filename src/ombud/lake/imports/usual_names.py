"""What columns of strangers' files are usually called, by the lake column that they feed."""

from __future__ import annotations

__all__ = ["USUAL", "plain", "squashed"]

USUAL: dict[str, tuple[str, ...]] = {
    "post": ("post_id", "tweet_id", "status_id", "message_id", "comment_id", "id_str", "postid", "object_id"),
    "account": (
        "account_id",
        "author_id",
        "user_id",
        "userid",
        "author",
        "user",
        "username",
        "screen_name",
        "handle",
        "actor_id",
        "poster",
        "from_id",
        "from",
        "external_author_id",
        "author.name",
        "user.id",
        "user_screen_name",
    ),
    "person": ("person_id", "user_id", "userid", "user", "account_id", "account", "subject_id"),
    "through": ("through_id", "via", "via_user", "granted_by"),
    "other": ("target", "target_id", "friend_id", "followee", "followee_id", "to_id", "other_id", "destination"),
    "space": ("page_id", "group_id", "page", "group", "subreddit", "channel", "channel_id", "page_name", "space_id"),
    "happened_at": (
        "created_at",
        "created_time",
        "created",
        "timestamp",
        "time",
        "date",
        "datetime",
        "published_at",
        "publish_date",
        "posted_at",
        "created_utc",
        "tweet_time",
        "post_created",
        "date_published",
        "starred_at",
        "event_time",
        "eventtime",
        "start_date",
        "startdate",
        "ts",
    ),
    "ended_at": ("end_date", "enddate", "ended", "revoked_at", "expires_at", "stop_date", "ad_delivery_stop_time"),
    "last_used_at": ("last_used", "last_access"),
    "text": (
        "content",
        "message",
        "body",
        "tweet",
        "tweet_text",
        "full_text",
        "caption",
        "description",
        "selftext",
        "ad_creative_body",
        "tweet_content",
    ),
    "language": ("lang", "tweet_language", "locale", "account_language", "languages"),
    "region": ("country", "country_code", "countrycode", "location", "geo"),
    "links": ("urls", "url", "link", "expanded_url", "expanded_urls", "link_url", "shared_url", "url_id"),
    "tags": ("hashtags", "hashtag", "tag", "hashtag_id"),
    "media": ("media_hashes", "phash", "phash_id", "image_hash", "photo_hash"),
    "original": (
        "retweeted_status_id",
        "retweet_tweetid",
        "retweet_id",
        "shared_post_id",
        "original_id",
        "reshare_of",
        "retweeted_id",
    ),
    "parent": ("in_reply_to_status_id", "in_reply_to_tweetid", "reply_to", "parent_id", "in_reply_to", "replied_to_id"),
    "platform": ("network", "source_platform", "site"),
    "name": ("display_name", "title", "full_name", "user_display_name", "author_name", "page_name"),
    "followers": ("follower_count", "followers_count", "n_followers", "subscriber_count"),
    "following": ("following_count", "friends_count", "followees_count"),
    "url": ("link", "page_url", "address", "permalink", "href"),
    "ad": ("adid", "ad_id", "creative_id", "ad_archive_id"),
    "landing": ("landing_page", "landing_url", "url", "creativeurl", "destination_url", "link"),
    "spend": ("spent", "amount", "amount_spent", "cost", "spend_amount", "budget"),
    "currency": ("currency_code", "spend_currency"),
    "impressions": ("views", "shown", "impression_count"),
    "clicks": ("click_count", "link_clicks"),
    "reach": ("people_reached", "unique_views"),
    "payer": ("paid_for_by", "payingadvertisername", "funding_entity", "disclaimer", "sponsor", "organizationname"),
    "targeting": ("targets", "target_audience", "audience", "interests"),
    "age": ("age_range", "agebracket", "age_band"),
    "gender": ("sex",),
    "app": ("app_id", "application", "application_id", "client_id", "appid"),
    "developer": ("developer_id", "publisher", "vendor"),
    "scope": ("permission", "permissions", "scopes"),
    "read": ("request_id", "read_id", "event_id", "eventid", "log_id"),
    "fields": ("field", "columns", "attributes", "data_fields"),
    "decision": ("result", "outcome", "verdict", "status"),
    "purpose": ("declared_purpose", "use_case"),
    "device": ("device_id", "device_hash", "fingerprint"),
    "network": ("ip_prefix", "ip", "ip_address", "ip_hash", "sourceipaddress", "asn"),
    "flag": ("report_id", "flag_id", "ticket_id"),
    "subject": ("target_id", "reported_id", "item_id", "account_id", "author_id"),
    "subject_kind": ("target_type", "item_type", "object_type"),
    "reason": ("report_reason", "category", "reason_code"),
    "label": ("class", "account_category", "account_type", "rating", "verdict", "truth"),
    "tie": ("relation", "edge_type", "relationship", "type"),
    "document": ("pdf", "file", "source_file"),
    "category": ("app_category", "genre"),
    "country": ("country_code", "nation"),
}


def plain(name: str) -> str:
    """Return a column's name in lower case with one underscore between words: `Post URL` and `PostUrl` alike."""
    out = ""
    for before, char in zip(" " + name, name, strict=False):
        if char.isupper() and (before.islower() or before.isdigit()):
            out += "_"
        out += char.lower() if char.isalnum() or char == "." else "_"
    return "_".join(part for part in out.split("_") if part)


def squashed(name: str) -> str:
    """Return a plain name without what separates its words."""
    return name.replace("_", "").replace(".", "")
