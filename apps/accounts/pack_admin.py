"""Rule packs for staff: versions are read, and a new one is written from the newest. Nothing is changed or deleted."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html

from apps.accounts.models import RulePack, RulePackVersion
from apps.accounts.services.packs import publish_version, read_pack
from apps.common.admin_site import LedgerAdmin
from apps.common.clock import read_at
from apps.common.errors import Impossible

WRITTEN = ("document", "checked_on", "valid_from")


class VersionForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new version: the document names its pack by `id`, and a new id makes a new pack of the platform."""

    class Meta:
        model = RulePackVersion
        fields = WRITTEN

    def clean_document(self) -> Any:
        document = self.cleaned_data["document"]
        try:
            read_pack(document)
        except Impossible as refusal:
            raise forms.ValidationError(refusal.message) from refusal
        return document


class VersionInline(admin.TabularInline):  # type: ignore[type-arg]
    model = RulePackVersion
    extra = 0
    ordering = ("-number",)
    fields = readonly_fields = ("number", "source_url", "checked_on", "valid_from", "written_by", "read")
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="Document")
    def read(self, version: RulePackVersion) -> str:
        here = reverse("admin:accounts_rulepackversion_change", args=[version.pk])
        new = reverse("admin:accounts_rulepackversion_add")
        return format_html(
            '<a href="{}">read</a>, <a href="{}?after={}">new version from this</a>', here, new, version.pk
        )


@admin.register(RulePack)
class RulePackAdmin(LedgerAdmin):
    list_display = ("code", "team", "cloned_from")
    search_fields = ("code", "team__slug")
    list_select_related = ("team", "cloned_from")
    inlines = (VersionInline,)


@admin.register(RulePackVersion)
class RulePackVersionAdmin(LedgerAdmin):
    list_display = ("pack", "number", "firm", "program", "checked_on", "valid_from", "written_by")
    search_fields = ("pack__code", "firm", "program", "content_hash")
    list_filter = ("firm",)
    list_select_related = ("pack",)
    form = VersionForm

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return WRITTEN if obj is None else super().get_fields(request, obj)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        at = read_at().date()
        days = {"checked_on": at, "valid_from": at}
        before = RulePackVersion.objects.filter(pk__in=_ids(request.GET.get("after", ""))).first()
        return {**days, "document": before.document} if before and before.pack.team_id is None else days

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: RulePackVersion, form: Any, change: bool) -> None:
        made = publish_version(
            document=obj.document,
            checked=obj.checked_on,
            valid_from=obj.valid_from,
            actor=f"staff:{getattr(request.user, 'email', '')}",
        )
        # The page goes on with the row that the service wrote.
        obj.pk, obj.number, obj.pack = made.pk, made.number, made.pack
        obj.firm, obj.program = made.firm, made.program

    def response_add(self, request: HttpRequest, obj: RulePackVersion, *args: Any, **kwargs: Any) -> HttpResponse:
        messages.info(request, "Accounts keep the version they are under until a person puts them under this one.")
        return super().response_add(request, obj, *args, **kwargs)


def _ids(text: str) -> list[str]:
    try:
        return [str(RulePackVersion._meta.pk.to_python(text))]
    except forms.ValidationError:
        return []
