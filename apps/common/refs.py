"""Rows are named by their public id or by their handle; paths take either."""

from __future__ import annotations

from django.db.models import Q

from apps.common.ids import MalformedId, parse_public_id


def match_reference(prefix: str, text: str, handle: str) -> Q:
    """
    Return the filter for a row named by its public id (or plain UUID) or by its handle.

    :param prefix: the kind's prefix (``acc``).
    :param handle: the column that holds the handle (``code``).
    """
    try:
        return Q(pk=parse_public_id(prefix, text)) | Q(**{handle: text})
    except MalformedId:
        return Q(**{handle: text})
