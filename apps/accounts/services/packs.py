"""Rule packs: the packaged ones loaded, new versions written, copies made for a team. A version is never changed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db import IntegrityError, transaction

from apps.accounts.models import RulePack, RulePackVersion
from apps.common.codes import Code
from apps.common.errors import Conflict, Impossible
from apps.common.wire import to_plain
from apps.teams.models import Team
from apps.teams.services import record_deed
from trading.errors import TradingError
from trading.risk.pack_document import parse_pack
from trading.risk.packs import RulePack as Pack
from trading.risk.presets import compiled_on, preset_documents

CODE = re.compile(r"^[a-z0-9][a-z0-9_-]{0,63}$")
LONGEST_PHASE = 120
PACKAGE = "system"


@transaction.atomic
def load_presets() -> int:
    """
    Bring the packaged presets into the database and return how many versions were written; a second run writes none.

    A packaged version that is there already is not written again, even where staff has written a newer one since.
    """
    known = set(RulePackVersion.objects.filter(pack__team=None).values_list("pack__code", "document_hash"))
    fresh = [
        document for document in preset_documents() if (document["id"], hash_document(document)) not in known
    ]
    for document in fresh:
        day = checked_on(read_pack(document), compiled_on())
        publish_version(document=document, checked=day, valid_from=day, actor=PACKAGE)
    return len(fresh)


@transaction.atomic
def publish_version(
    *, document: Mapping[str, Any], checked: date, valid_from: date, actor: str, team: Team | None = None
) -> RulePackVersion:
    """
    Write a new version of the pack that the document names by its `id`, and the pack itself where it is new.

    The newest version's own words again are no new version. Accounts keep the version they are under.

    :param checked: when a person last held the document against its source.
    :param team: whose pack it is; None is the platform's.
    :raises Impossible: PACK_INVALID, with the field at fault and what would be right.
    """
    pack = read_pack(document)
    row, _ = RulePack.objects.get_or_create(team=team, code=pack.pack_id)
    RulePack.objects.select_for_update(no_key=True).get(pk=row.pk)
    newest = row.versions.order_by("-number").first()
    day = {"checked_on": checked, "valid_from": valid_from}
    if newest and newest.document_hash == hash_document(document) and day == _days_of(newest):
        return newest
    version = RulePackVersion.objects.create(
        pack=row,
        number=newest.number + 1 if newest else 1,
        document=to_plain(dict(document)),
        document_hash=hash_document(document),
        content_hash=pack.content_hash,
        firm=pack.firm[:120],
        program=pack.program[:200],
        source_url=pack.sources[0].url[:500] if pack.sources else "",
        written_by=actor[:120],
        **day,
    )
    detail = {"code": row.code, "number": version.number, "content_hash": version.content_hash}
    record_deed(team=team, actor=actor, action="RULE_PACK_VERSION", target=version.public_id, detail=detail)
    return version


@transaction.atomic
def clone_pack(*, version: RulePackVersion, team: Team, code: str, actor: str) -> RulePackVersion:
    """
    Return the first version of a team's own copy, which the team may then write new versions of.

    :raises Impossible: PACK_INVALID for a code that is no handle.
    :raises Conflict: ALREADY_EXISTS where the team, or the platform, has a pack of that code.
    """
    document = {**version.document, "id": code}
    read_pack(document)
    message = f"There is already a rule pack {code!r}."
    if RulePack.objects.filter(team=None, code=code).exists():
        raise Conflict(Code.ALREADY_EXISTS, message, "code")
    try:
        with transaction.atomic():
            RulePack.objects.create(team=team, code=code, cloned_from=version)
    except IntegrityError as error:
        raise Conflict(Code.ALREADY_EXISTS, message, "code") from error
    days = _days_of(version)
    return publish_version(
        document=document, checked=days["checked_on"], valid_from=days["valid_from"], actor=actor, team=team
    )


def read_pack(document: Mapping[str, Any]) -> Pack:
    """
    Return what a document says.

    :raises Impossible: PACK_INVALID, also for an id that is no handle.
    """
    try:
        pack = parse_pack(document)
    except TradingError as error:
        raise Impossible(error.code, error.message, error.field, error.extra) from error
    if not CODE.fullmatch(pack.pack_id):
        message = f"id must be small letters, digits, - and _, at most 64, was {pack.pack_id[:80]!r}"
        raise Impossible("PACK_INVALID", message, "id")
    if any(len(phase.name) > LONGEST_PHASE for phase in pack.phases):
        raise Impossible("PACK_INVALID", f"a phase's name has at most {LONGEST_PHASE} letters", "phases")
    return pack


def hash_document(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of every word of a document, whatever the order of its names."""
    text = json.dumps(to_plain(dict(document)), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def checked_on(pack: Pack, otherwise: date) -> date:
    """Return the latest day on which a source says it was seen; where none says, when the presets were compiled."""
    seen = [found for source in pack.sources if (found := _day_in(source.seen))]
    return max(seen, default=otherwise)


def _day_in(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None  # "stored copy, undated"


def _days_of(version: RulePackVersion) -> dict[str, date]:
    return {"checked_on": version.checked_on, "valid_from": version.valid_from}
