"""
Tags of bots, and the tags an EA writes into a position's comment.

A bot's free tags (`@scalping`) are compared whole, never by a part. A few of upstream's tags are no tags here: the stage of
its life (`@primal` to `@live`) is a column, and `@quarantine` and `@dead` are a status.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from apps.bots.models import Stage
from apps.common.codes import Code
from apps.common.errors import Invalid

PATTERN = r"^@[a-z0-9][a-z0-9_-]{0,31}$"
PAPER_ONLY = "@paper_only"
COMMENT_LENGTH = 31  # brokers cut a comment here
STAGE_TAGS = {f"@{stage.lower()}": stage for stage in Stage}
_OF_STATUS = {"@quarantine": "PUT …/status QUARANTINE", "@dead": "DELETE …"}
_TAG = re.compile(PATTERN)
_BOT = re.compile(r"^@[a-z0-9][a-z0-9_-]{1,63}$")
_DISTANCE = re.compile(r"^(TP|SL):(\d{1,4}(?:\.\d{1,4})?)%$", re.IGNORECASE)


@dataclass(frozen=True)
class Tags:
    """A bot's tags taken apart: the stage they name, if any, and the free ones, each once, in their order."""

    stage: Stage | None
    free: tuple[str, ...]


@dataclass(frozen=True)
class Comment:
    """
    What a position's comment says. Brokers rewrite comments, so it is shown and never identifies anything.

    `take_profit_pct` and `stop_loss_pct` are percent; `is_cut` says that the broker's length ended it in the middle.
    """

    bot_id: str = ""
    tags: tuple[str, ...] = ()
    take_profit_pct: Decimal | None = None
    stop_loss_pct: Decimal | None = None
    is_cut: bool = False


def read_tags(given: Iterable[str]) -> Tags:
    """
    Return tags taken apart; capitals are folded.

    :raises Invalid: for what is no tag, what is a status, and two stages at once.

    >>> read_tags(["@perfect", "@Scalping", "@scalping"])
    Tags(stage=Stage.PERFECT, free=('@scalping',))
    """
    free: dict[str, None] = {}
    stages: dict[str, Stage] = {}
    for text in (one.strip().lower() for one in given):
        if text in STAGE_TAGS:
            stages[text] = STAGE_TAGS[text]
        elif text in _OF_STATUS:
            raise _refused(f"{text} is a status, not a tag: use {_OF_STATUS[text]}.")
        elif _TAG.match(text):
            free[text] = None
        else:
            raise _refused(f"{text[:40]!r} is no tag: @ and 1 to 32 lower-case letters, digits, - or _.")
    if len(stages) > 1:
        raise _refused(f"A bot is at one stage of its life, not at {' and '.join(stages)}.")
    return Tags(next(iter(stages.values()), None), tuple(free))


def show_tags(stage: str, free: Iterable[str]) -> list[str]:
    """
    Return a bot's tags as RiskMind §4.1 shows them: the stage first, once the bot has passed the first one.

    >>> show_tags("PERFECT", ["@scalping"]), show_tags("PRIMAL", ["@scalping"])
    (['@perfect', '@scalping'], ['@scalping'])
    """
    return [*([] if stage == Stage.PRIMAL else [f"@{stage.lower()}"]), *free]


def read_comment(text: str) -> Comment:
    """
    Return what an EA wrote into a position's comment (RiskMind §4.1); what is none of that is passed over.

    >>> read_comment("@analyst-bot-007 @scalping")
    Comment(bot_id='analyst-bot-007', tags=('@scalping',), take_profit_pct=None, stop_loss_pct=None, is_cut=False)
    >>> read_comment("@analyst-bot-007 @scalping TP:1.5% SL:0.8%").stop_loss_pct
    Decimal('0.8')
    >>> read_comment("@analyst-bot-007 @scalping TP:1")                        # cut by the broker: 1 is not 1.5
    Comment(bot_id='analyst-bot-007', tags=('@scalping',), take_profit_pct=None, stop_loss_pct=None, is_cut=True)
    """
    words = text.split()
    if not words or not _BOT.match(words[0].lower()):
        return Comment()
    is_cut = len(text) == COMMENT_LENGTH and not text.endswith((" ", "%"))
    if is_cut and len(words) > 1:
        words.pop()  # half a word is another word
    distances = {found[1].upper(): Decimal(found[2]) for word in words[1:] if (found := _DISTANCE.match(word))}
    tags = dict.fromkeys(word.lower() for word in words[1:] if _TAG.match(word.lower()))
    return Comment(words[0][1:].lower(), tuple(tags), distances.get("TP"), distances.get("SL"), is_cut)


def _refused(message: str) -> Invalid:
    return Invalid(Code.FIELD_INVALID, message, "tags", {"pattern": PATTERN})
