"""The registry: identities, their magic numbers, their sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Max

from apps.accounts.models import Account, AccountMode, AccountRisk
from apps.bots.models import Bot, BotStatus, Guild, Stage
from apps.bots.tags import PAPER_ONLY, Tags, read_tags
from apps.common.clock import ClockTimestamp
from apps.common.codes import Code
from apps.common.errors import Conflict, Forbidden, Impossible
from apps.common.outbox import tell
from apps.strategies.models import Strategy
from apps.teams.models import AuditEntry

# RiskMind §4.2 for the first four; ours for managed bots. Unique per account: two accounts may use one number.
MAGICS: dict[str, tuple[int, int]] = {
    Guild.ANALYST: (10_000, 19_999),
    Guild.QUANTCODE: (20_000, 29_999),
    Guild.MANUAL: (30_000, 39_999),
    Guild.PAPER: (90_000, 99_999),
    Guild.EXECUTOR: (1_000_000, 1_999_999),
    Guild.ORCHESTRATOR: (2_000_000, 2_999_999),
}
MIKROBOT_MAGIC = 999_888  # the number the Mikrobot strategy's manual names; the first such bot of an account gets it
MIKROBOT_TYPE = "MIKROBOT"
STAGES = list(Stage)


@transaction.atomic
def register_bot(
    *,
    account: Account,
    actor: str,
    bot_id: str,
    guild: str,
    tags: Sequence[str] = (),
    strategy_type: str = "",
    magic: int | None = None,
    managed: bool = False,
    strategy: Strategy | None = None,
    by_person: bool = False,
) -> Bot:
    """
    Enter a bot with a magic number that no bot of the account ever had.

    :param tags: free tags, and at most one stage (`@perfect`).
    :param magic: a wished number; it must lie in the guild's range. None takes the next one.
    :param by_person: whether a signed-in person asks: only a person says that a bot is `@live`.
    :raises Conflict: ALREADY_EXISTS where the team has that bot id, or the account that number.
    :raises Impossible: MAGIC_OUT_OF_RANGE, MAGICS_EXHAUSTED, PAPER_ONLY.
    :raises Invalid: FIELD_INVALID for what is no tag.
    :raises Forbidden: PERSON_REQUIRED.
    """
    said = read_tags(tags)
    _check_tags(said, account, by_person=by_person)
    # Not the risk row: approvals go on. The account's row serves as the lock of its magic numbers.
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    number = allocate_magic(account.pk, guild, strategy_type) if magic is None else _checked_magic(guild, magic)
    try:
        with transaction.atomic():
            bot = Bot.objects.create(
                team_id=account.team_id,
                account=account,
                bot_id=bot_id,
                magic=number,
                guild=guild,
                tags=list(said.free),
                stage=said.stage or Stage.PRIMAL,
                strategy_type=strategy_type,
                managed=managed,
                strategy=strategy,
            )
    except IntegrityError as error:
        message = f"Bot id {bot_id!r} is taken in this team, or magic {number} on this account."
        raise Conflict(Code.ALREADY_EXISTS, message, "bot_id") from error
    _tell(bot, "bot.registered", actor)
    return bot


def allocate_magic(account_id: UUID, guild: str, strategy_type: str = "") -> int:
    """
    Return the account's next unused magic number of the guild; the caller holds the account's row.

    Retired bots keep theirs: an old position must never be taken for a new bot's.

    :raises Impossible: MAGICS_EXHAUSTED.
    """
    bots = Bot.objects.filter(account_id=account_id)
    if strategy_type.upper() == MIKROBOT_TYPE and not bots.filter(magic=MIKROBOT_MAGIC).exists():
        return MIKROBOT_MAGIC
    first, last = MAGICS[guild]
    highest = bots.filter(magic__range=(first, last)).aggregate(highest=Max("magic"))["highest"]
    number = first if highest is None else highest + 1
    if number > last:
        raise Impossible("MAGICS_EXHAUSTED", f"All magic numbers of {guild} on this account are used.", "guild")
    return number


def _checked_magic(guild: str, magic: int) -> int:
    first, last = MAGICS[guild]
    if first <= magic <= last:
        return magic
    message = f"The magic number of a {guild} bot lies between {first} and {last}."
    raise Impossible("MAGIC_OUT_OF_RANGE", message, "magic_number", {"minimum": first, "maximum": last})


def _check_tags(said: Tags, account: Account, *, by_person: bool) -> None:
    if said.stage == Stage.LIVE and not by_person:
        raise _person_required("that a bot is @live")
    if PAPER_ONLY in said.free and account.mode != AccountMode.PAPER:
        message = f"A {PAPER_ONLY} bot trades paper accounts; {account.code} is none."
        raise Impossible("PAPER_ONLY", message, "tags")


@transaction.atomic
def set_bot_status(*, bot_id: UUID, actor: str, status: str, reason: str = "", by_person: bool = False) -> Bot:
    """
    Set a bot's status; approvals ask for ACTIVE from the commit on. Closing is never in question: only entries are.

    Whoever may write bots, and the platform itself, may pause a bot or put it into quarantine; out of quarantine it comes
    by a signed-in person only.

    :raises Conflict: BOT_RETIRED where it is retired: that is final.
    :raises Forbidden: PERSON_REQUIRED.
    """
    # An approval under way holds the account's risk row: with the commit of this, none of them is left.
    list(AccountRisk.objects.select_for_update(no_key=True, of=("self",)).filter(account__bots=bot_id))
    bot = Bot.objects.select_for_update(no_key=True, of=("self",)).select_related("account").get(pk=bot_id)
    if bot.status == BotStatus.RETIRED and status != BotStatus.RETIRED:
        raise Conflict("BOT_RETIRED", f"Bot {bot.bot_id} is retired; register a new one.", "status")
    if bot.status == BotStatus.QUARANTINE and status in (BotStatus.ACTIVE, BotStatus.PAUSED) and not by_person:
        raise _person_required("when a bot leaves quarantine")
    if bot.status != status:
        bot.status, bot.status_reason, bot.status_by = status, reason.strip()[:200], actor[:120]
        Bot.objects.filter(pk=bot.pk).update(
            status=status, status_reason=bot.status_reason, status_by=bot.status_by, status_at=ClockTimestamp()
        )
        _tell(bot, "bot.changed", actor, {"reason": bot.status_reason})
    return bot


@transaction.atomic
def set_bot_stage(*, bot_id: UUID, actor: str, stage: str, by_person: bool = False) -> Bot:
    """
    Move a bot to another stage: up one step at a time and by a signed-in person; down by anybody who may write bots.

    :raises Conflict: BOT_RETIRED; STAGE_SKIPPED, with the next one.
    :raises Forbidden: PERSON_REQUIRED.
    """
    bot = Bot.objects.select_for_update(no_key=True, of=("self",)).select_related("account").get(pk=bot_id)
    if bot.status == BotStatus.RETIRED:
        raise Conflict("BOT_RETIRED", f"Bot {bot.bot_id} is retired; register a new one.", "stage")
    before, wanted = STAGES.index(Stage(bot.stage)), STAGES.index(Stage(stage))
    if wanted > before + 1:
        following = STAGES[before + 1]
        message = f"After {bot.stage} comes {following}; a bot proves itself at each."
        raise Conflict("STAGE_SKIPPED", message, "stage", {"next": following})
    if wanted > before and not by_person:
        raise _person_required("when a bot is promoted")
    if wanted != before:
        Bot.objects.filter(pk=bot.pk).update(stage=stage)
        _tell(bot, "bot.changed", actor, {"stage": stage, "stage_before": bot.stage})
        bot.stage = stage
    return bot


@transaction.atomic
def retire_bot(*, bot_id: UUID, actor: str, open_positions: int) -> Bot:
    """
    Retire a bot; its row and magic stay for ever, as a tombstone that old positions and deals are known by.

    :param open_positions: what the ledger and the last snapshot hold of it, counted by the caller in this transaction.
    :raises Conflict: BOT_HAS_POSITIONS.
    """
    if open_positions:
        message = f"The bot still has {open_positions} open position(s); close them first."
        raise Conflict("BOT_HAS_POSITIONS", message, extra={"open_positions": open_positions})
    return set_bot_status(bot_id=bot_id, actor=actor, status=BotStatus.RETIRED)


def _person_required(what: str) -> Forbidden:
    return Forbidden("PERSON_REQUIRED", f"A signed-in person decides {what}; no key does.")


def _tell(bot: Bot, kind: str, actor: str, more: dict[str, Any] | None = None) -> None:
    data = {"bot_id": bot.bot_id, "id": bot.public_id, "status": bot.status, **(more or {})}
    AuditEntry.objects.create(team_id=bot.team_id, actor=actor, action=kind, target=bot.public_id, detail=data)
    tell(team_id=bot.team_id, account_id=bot.account_id, kind=kind, data=data)
