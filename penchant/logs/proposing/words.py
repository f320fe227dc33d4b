"""What names of columns and values say, in the words people use most. Structure comes first; words break ties."""

import re

USER = (
    "user|usr|uid|distinct|visitor|customer|cust|client|member|reader|viewer|subscriber|account|acct|anonymous|cookie|device|"
    "person|player|listener|buyer|shopper|guest|student|reviewer|author_steamid|consumer|household|patient|fullvisitor|"
    "kund|anvandare|användare|nutzer|kunde|utilisateur|usuario|cliente|besökare|besokare|用户|会员|顾客|用户id"
)
SESSION = "session|sess|visit|sitting|basket"
DEVICE = "device|cookie|client|anonymous|browser"
"""Of the words for users, those for what a person uses, of which they may have several."""
FEATURE = "feature|feat|onehot|embedding|affinity|segment|bucket|cluster|cohort|level|type|group|range|band"
"""What is said of users and items, and is no id of theirs."""
ITEM = (
    "item|article|product|prod|sku|movie|film|video|artist|track|song|album|music|book|news|doc|document|content|asin|"
    "post|page|listing|anime|manga|game|app|course|recipe|restaurant|business|hotel|job|offer|advert|ad|playlist|show|"
    "episode|event_item|story|photo|image|pin|question|poi|venue|beer|isbn|title_id|vara|artikel|produkt|produit|"
    "producto|商品|物品|视频|文章|商品id"
)
TIME = (
    "time|timestamp|tstamp|ts|date|datetime|datum|created|occurred|occurred|clock|tid|tidpunkt|zeit|zeitstempel|fecha|"
    "时间|日期"
)
LATE = "received|sent|etl|load|loaded|ingest|ingested|ingestion|inserted|updated|modified|processed|sync|synced|upload"
CLICKED = (
    "click|clicked|clk|klick|klickad|label|target|y|recommended|purchased|bought|converted|conversion|interacted|"
    "interaction|played|watched|completed|positive|consumed|geklickt|klickat|klickt|cliqué|cliquée|clic|clicado|clique|pulsado|cliccato|kliknięto|клик|点击"
)
NO_CLICK = (
    "mobile|bot|new|test|premium|member|active|deleted|rand|random|weekend|logged|admin|free|paid|early|verified|"
    "hidden|spam|valid|invalid|first|last|internal|consent|sampled|hate|comment|verified_purchase|profile|enter"
)
RATING = "rating|rate|score|stars|star|overall|grade|betyg|bewertung|note|评分|user_rating"
MEASURE = (
    "n|nb|clicks|count|cnt|num|number|price|amount|cost|duration|dur|length|len|size|width|height|age|lat|lon|lng|latitude|"
    "longitude|ms|sec|secs|seconds|minutes|hours|quantity|qty|weight|views|likes|votes|rank|pct|percent|ratio|revenue|"
    "pris|preis|summe|total|sum|version|year|month|day|hour|hourmin|minute|timezone|offset|dwell|spent|scroll"
)
TAG = "tag|tags|keyword|keywords|attr|attribute|attributes|topic|topics"
LABEL = (
    "genre|genres|category|categories|categoryid|kategori|kategorie|kategorien|subject|subjects|shelf|shelves|"
    "style|styles|mood|theme|themes|section|department|subcategory|类目|类别|标签|genrer|taggar|amne|ämne"
)
TITLE = "title|name|headline|titel|namn|bezeichnung|titulo|titre|rubrik|标题|名称|itemname"
ACTION = "event|action|behavior|behaviour|type|interaction|activity|feedback|event_name|handelse|händelse|aktion|行为"
IDS = "id|ids|key|uuid|guid|pseudo|no|nr|number|code|hash|token|sk|pk|idx|index|anonymous"

SHOWN = "impression|impressions|impress|imp|show|shown|exposure|expose|exposed|display|displayed|served|list|promotion"
VIEWED = "view|viewed|pageview|pv|visning|visad|seen|see|screen|page|visit|detail|browse|interaction|interact|浏览|曝光"
DONE = (
    "click|clicked|clickout|clk|klick|tap|select|selected|open|opened|read|purchase|purchased|buy|bought|order|ordered|"
    "transaction|checkout|cart|addtocart|added|add|basket|fav|favorite|favourite|wishlist|like|liked|share|shared|save|"
    "saved|bookmark|follow|play|played|listen|watch|watched|stream|complete|completed|download|rent|book|booked|apply|"
    "subscribe|comment|rate|rated|install|köp|kop|kauf|gekauft|kund|点击|购买|收藏|加购|conversion"
)
NOT_DONE = (
    "remove|removed|unlike|dislike|disliked|skip|skipped|hide|hidden|refund|return|returned|delete|unfollow|cancel"
)


def tokens_of(name: str) -> list[str]:
    """The words of a name, in small letters.

    >>> tokens_of("fullVisitorId"), tokens_of("context.page_URL"), tokens_of("idaction_url"), tokens_of("user_id:token")
    (['full', 'visitor', 'id'], ['context', 'page', 'url'], ['id', 'action', 'url'], ['user', 'id'])
    """
    plain = re.sub(r":(token|float|token_seq|float_seq)$", "", name)
    plain = re.sub(r"(?<=[a-zåäö0-9])(?=[A-ZÅÄÖ])", " ", plain).lower()
    parts = re.findall(r"[^\W_]+", plain)
    split: list[str] = []
    for part in parts:
        found = re.fullmatch(rf"(id)({USER}|{SESSION}|{ITEM}|action)|({USER}|{SESSION}|{ITEM})(ids?)", part)
        split += [piece for piece in found.groups() if piece] if found else [part]
    return split


def said(name: str, stems: str) -> float:
    """How clearly a name says one of some words: 1 where it is the word, perhaps with "id"; less where it is the word
    and something else.

    >>> said("user_id", USER), said("visitorid", USER), said("user_agent", USER), said("colour", USER)
    (1.0, 1.0, 0.25, 0.0)
    >>> said("customer.id", USER), said("user.city", USER)
    (1.0, 0.0)
    """
    tokens = _last_tokens(name)
    best = 0.0
    if any(mark > "\u2e80" for mark in name):
        # Words of Chinese and Japanese stand side by side without a mark between.
        return 1.0 if any(stem in name for stem in stems.split("|") if stem[0] > "\u2e80") else 0.0
    for place, token in enumerate(tokens):
        if re.fullmatch(rf"({stems})s?", token):
            rest = tokens[place + 1 :]
            best = max(best, 1.0 if all(re.fullmatch(IDS, one) for one in rest) else 0.25)
    return best


def _last_tokens(name: str) -> list[str]:
    """The words of the last part of a path, with the part above where the last one only says that it is an id."""
    above, _, last = name.rpartition(".")
    tokens = tokens_of(last or name)
    return tokens_of(name) if above and all(re.fullmatch(IDS, one) for one in tokens) else tokens


def core(name: str) -> list[str]:
    """What a name is of: its words without those that only say that it is an id, and without the s of many.

    >>> core("click_article_id"), core("articles.id"), core("id"), core("column_3")
    (['click', 'article'], ['article'], [], [])
    """
    if made_up(name):
        return []
    return [token.removesuffix("s") for token in _last_tokens(name) if len(token) > 1 and not re.fullmatch(IDS, token)]


def alike(left: str, right: str) -> float:
    """How clearly two columns are called after the same thing: 1 where they are, 0.8 where one says more, 0 else.

    >>> alike("user_id", "userId"), alike("click_article_id", "article_id"), alike("tag_id", "artist_id")
    (1.0, 0.8, 0.0)
    """
    if left == right and not made_up(left):
        return 1.0
    one, other = sorted((core(left), core(right)), key=len)
    if not one:
        return 0.0
    return 1.0 if one == other else 0.8 if other[-len(one) :] == one or other[: len(one)] == one else 0.0


def made_up(name: str) -> bool:
    """Whether a column has no name of its own, so that columns of two tables may be called alike by chance.

    >>> made_up("column_3"), made_up("column")
    (True, False)
    """
    return re.fullmatch(r"(column|col|field|f|c|_c|v|unnamed|unnamed: )_?\d+|", name.lower()) is not None


def holds(name: str, stems: str) -> bool:
    """Whether one of the words stands anywhere in a name."""
    return any(re.fullmatch(rf"({stems})s?", token) for token in tokens_of(name))


CLICK = "click|clicked|clickout|clk|klick|tap|select|selected|open|opened|点击"
"""Of what is done, what says that something shown was opened: beside it, a view is a showing."""
