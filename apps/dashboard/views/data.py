"""Datasets: the list, a new one from a file, a terminal or an exchange, how a file is to be read, and a dataset's own page."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.common.errors import PlatformError
from apps.dashboard.access import PageRequest, page
from apps.dashboard.forms.data import ExchangeForm, NameForm, ReadingForm, TerminalForm, UploadForm
from apps.dashboard.pages import render_page
from apps.dashboard.paging import read_page_number
from apps.dashboard.selectors import data as selectors
from apps.dashboard.selectors.standing import list_accounts
from apps.market.datasets import asking, store
from apps.market.datasets.api import answer_export
from apps.market.datasets.selectors import get_dataset, get_import
from apps.market.models import DatasetImport, DatasetSource, ImportStatus
from apps.teams.models import Role

SECTION = "data"


@require_safe
@page()
def show_list(request: PageRequest) -> HttpResponse:
    team, search = request.viewer.team, request.GET.get("q", "").strip()[:80]
    number = read_page_number(request.GET.get("page", 1))
    context = {
        "page": selectors.page_datasets(team, search=search, number=number),
        "imports": selectors.list_unfinished(team),
        "search": search,
    }
    return render_page(request, "dashboard/data.html", "dashboard/_data.html", context, section=SECTION)


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.TRADER)
def create(request: PageRequest) -> HttpResponse:
    """Choose where the bars come from; the form that was sent says which."""
    viewer, sent = request.viewer, request.POST.get("source", "") if request.method == "POST" else ""
    accounts = list_accounts(viewer.team).filter(retired_at=None).order_by("code")
    forms: dict[str, Any] = {
        "upload": UploadForm(*((request.POST, request.FILES) if sent == "upload" else ())),
        "terminal": TerminalForm(
            request.POST if sent == "terminal" else None, accounts=accounts, auto_id="id_terminal_%s"
        ),
        "exchange": ExchangeForm(request.POST if sent == "exchange" else None, auto_id="id_exchange_%s"),
    }
    form = forms.get(sent)
    if form is not None and form.is_valid():
        try:
            job = _ask(request, sent, form)
        except PlatformError as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            return redirect("dashboard:data-import", job.public_id)
    context = {"forms": forms, "form": form, "has_accounts": accounts.exists()}
    status = 422 if form is not None and form.errors else 200
    return render_page(request, "dashboard/data_new.html", None, context, section=SECTION, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.TRADER)
def show_import(request: PageRequest, dataset_import: str) -> HttpResponse:
    """How an uploaded file is to be read, and how far its reading is."""
    job = get_import(request.viewer.team.pk, dataset_import)
    if job.status == ImportStatus.DONE and job.dataset is not None and not request.htmx:
        return redirect("dashboard:dataset", job.dataset.handle)
    is_open = _is_open(job)
    look, problem = _look(job) if is_open else ({}, job.problem)
    form = _reading_form(request, job, look) if is_open else None
    if request.method == "POST" and form is not None and form.is_valid():
        try:
            asking.confirm_upload(import_id=job.pk, actor=request.viewer.actor, **form.as_answers())
        except PlatformError as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            return redirect("dashboard:data-import", job.public_id)
    context = {"job": job, "look": look, "problem": job.problem or problem, "form": form}
    status = 422 if form is not None and form.errors else 200
    fragment = None if form is not None else "dashboard/_data_import.html"
    return render_page(request, "dashboard/data_import.html", fragment, context, section=SECTION, status=status)


@require_POST
@page(Role.TRADER)
def cancel_import(request: PageRequest, dataset_import: str) -> HttpResponse:
    viewer = request.viewer
    job = get_import(viewer.team.pk, dataset_import)
    asking.cancel_import(import_id=job.pk, actor=viewer.actor, at=viewer.at)
    messages.success(request, "The import ends; nothing of it is kept.")
    return redirect("dashboard:data")


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.TRADER)
def show(request: PageRequest, dataset: str) -> HttpResponse:
    row = get_dataset(request.viewer.team.pk, dataset)
    form = NameForm(request.POST or None, initial={"name": row.name})
    if request.method == "POST" and form.is_valid():
        row = store.rename_dataset(dataset_id=row.pk, actor=request.viewer.actor, name=form.cleaned_data["name"])
        messages.success(request, f"It is called {row.name} now.")
        return redirect("dashboard:dataset", row.handle)
    context = {**selectors.describe_dataset(row), "form": form}
    status = 422 if form.errors else 200
    return render_page(request, "dashboard/dataset.html", None, context, section=SECTION, status=status)


@require_safe
@page()
def export(request: PageRequest, dataset: str) -> FileResponse:
    return answer_export(get_dataset(request.viewer.team.pk, dataset), request.GET.get("kind", "csv"))


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.TRADER)
def delete(request: PageRequest, dataset: str) -> HttpResponse:
    row = get_dataset(request.viewer.team.pk, dataset)
    if request.method != "POST":
        return render_page(request, "dashboard/dataset_delete.html", None, {"dataset": row}, section=SECTION)
    store.delete_dataset(dataset_id=row.pk, actor=request.viewer.actor)
    messages.success(request, f"{row.name} is deleted.")
    return redirect("dashboard:data")


def _ask(request: PageRequest, source: str, form: Any) -> DatasetImport:
    viewer = request.viewer
    if source == "upload":
        file = form.cleaned_data["file"]
        return asking.stage_upload(
            team_id=viewer.team.pk, actor=viewer.actor, file=file, file_name=file.name, size_bytes=file.size
        )
    if source == "terminal":
        return asking.ask_from_terminal(actor=viewer.actor, **form.cleaned_data)
    return asking.ask_from_exchange(team_id=viewer.team.pk, actor=viewer.actor, at=viewer.at, **form.as_answers())


def _is_open(job: DatasetImport) -> bool:
    """Say whether a person may (still) say how the file is to be read."""
    wanted = (ImportStatus.DRAFT, ImportStatus.FAILED)
    return job.source == DatasetSource.UPLOAD and job.status in wanted and bool(job.upload)


def _look(job: DatasetImport) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return what the file looks like, and what stands against reading it as it is."""
    try:
        return asking.look_at_upload(job), None
    except PlatformError as refusal:
        return dict(refusal.extra or {}), refusal.as_body()


def _reading_form(request: PageRequest, job: DatasetImport, look: dict[str, Any]) -> ReadingForm:
    sample, header = look.get("sample") or [], look.get("header") or []
    width = max([len(header), *(len(row) for row in sample)]) if look else 0
    initial = {
        "symbol": job.symbol,
        "name": job.name,
        **{name: job.request[name] for name in ("zone", "policy") if name in job.request},
    }
    if "zone" not in initial:
        initial["zone"] = look.get("zone") or ("SERVER_NY+7" if "MetaTrader" in look.get("vendor", "") else "UTC")
    data = request.POST if request.method == "POST" else None
    return ReadingForm(data, initial=initial, header=header, width=width)
