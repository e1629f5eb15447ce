"""The one-shot commands a person may ask for, and what each carries."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.common.serializer_fields import BigNumberField, NumberField, StrictSerializer
from apps.common.wire import to_plain
from apps.executors.models import CommandKind

LARGEST_MAGIC = 2**63 - 1


class ClosePosition(StrictSerializer):
    """All of a position, or so many lots of it."""

    ticket = BigNumberField(minimum=1)
    volume_lots = NumberField(above=0, required=False)

    def to_payload(self) -> dict[str, Any]:
        lots = self.validated_data.get("volume_lots")
        # As text: a payload is compared, and 0.10 is 0.1.
        return {
            "ticket": self.validated_data["ticket"],
            **({"volume_lots": format(lots.normalize(), "f")} if lots else {}),
        }


class OfBot(StrictSerializer):
    """Whatever carries a bot's magic number."""

    magic = BigNumberField(minimum=0)


class MaybeOfBot(StrictSerializer):
    """Whatever carries that magic number; whatever there is without one."""

    magic = BigNumberField(minimum=0, required=False)


class History(StrictSerializer):
    """Deals of so many days back, by the market's clock; all the terminal has without."""

    days = serializers.IntegerField(min_value=1, max_value=3650, required=False)


class Symbols(StrictSerializer):
    """These symbols too, beside those in use; ours or the broker's names."""

    symbols = serializers.ListField(child=serializers.CharField(max_length=32), max_length=50, required=False)


class Version(StrictSerializer):
    version = serializers.RegexField(r"^[0-9A-Za-z.+-]{1,40}$")


class Nothing(StrictSerializer):
    """No field."""


PAYLOADS: dict[str, type[StrictSerializer]] = {
    CommandKind.CLOSE_POSITION: ClosePosition,
    CommandKind.CLOSE_BOT: OfBot,
    CommandKind.CANCEL_PENDINGS: MaybeOfBot,
    CommandKind.SNAPSHOT: Nothing,
    CommandKind.PULL_HISTORY: History,
    CommandKind.PREFLIGHT: Symbols,
    CommandKind.UPGRADE: Version,
    CommandKind.SEND_JOURNAL: Nothing,
}
"""FLATTEN_ACCOUNT is not among them: an account is flattened as a whole, latched first."""


class NewCommand(serializers.Serializer[Any]):
    """A one-shot command; edits of what runs are wishes on strategies and assignments, flattening one on an account."""

    kind = serializers.ChoiceField(sorted(PAYLOADS))
    payload = serializers.DictField(required=False, default=dict)
    client_request_id = serializers.RegexField(
        r"^[\x21-\x7e]{1,120}$", required=False, help_text="Your own id of it: asked again, it is the same command."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs["payload"] = read_payload(attrs["kind"], attrs["payload"])
        attrs["client_key"] = attrs.pop("client_request_id", None)
        return attrs


def read_payload(kind: str, given: dict[str, Any]) -> dict[str, Any]:
    """
    Return what is kept of a command's payload.

    :raises ValidationError: below `payload`, where a field is missing, unknown or impossible.
    """
    form = PAYLOADS[kind](data=given)
    if not form.is_valid():
        raise serializers.ValidationError({"payload": form.errors})
    if isinstance(form, ClosePosition):
        return form.to_payload()
    plain: dict[str, Any] = to_plain(dict(form.validated_data))
    return plain
