"""Finding one row of the viewer's team by its public id or its handle; anything else is not there."""

from __future__ import annotations

import contextlib
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet

from apps.common.codes import Code
from apps.common.errors import NotFound
from apps.common.ids import MalformedId, parse_public_id
from apps.common.models import Identified

Row = TypeVar("Row", bound=Model)


def get_row(rows: QuerySet[Row], text: str, handle: str | None = None) -> Row:
    """
    Return the row whose public id or handle this is.

    :param rows: what the caller's team owns, and nothing else.
    :param handle: the column of the handle, where the rows have one.
    :raises NotFound: for another team's row and for none alike.
    """
    model: Any = rows.model
    match = Q(**{handle: text}) if handle else Q(pk__in=[])
    with contextlib.suppress(MalformedId):
        match |= Q(pk=parse_public_id(model.PREFIX if issubclass(model, Identified) else "row", text))
    row = rows.filter(match).first()
    if row is None:
        raise NotFound(Code.NOT_FOUND, "There is no such page, or it is not yours.")
    return row
