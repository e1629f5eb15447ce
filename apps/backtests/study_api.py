"""REST doors of studies, and what they are made of: rule packs and the catalogue."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.selectors import list_packs
from apps.accounts.services.packs import read_pack
from apps.backtests import selectors
from apps.backtests import study_serializers as serializers
from apps.backtests.api import find_run
from apps.backtests.models import Study, StudyKind
from apps.backtests.services import saving, studying
from apps.common.clock import read_at
from apps.common.codes import Code
from apps.common.errors import Invalid
from apps.common.idempotency import idempotent
from apps.common.lists import list_page
from apps.common.schema import listed
from apps.teams.authentication import caller_of
from trading.strategies.catalogue import get_spec, list_names

KIND = OpenApiParameter("kind", str, enum=list(StudyKind.values))


class StudiesApi(APIView):
    """The team's studies."""

    scopes = {"GET": "backtests:read", "POST": "backtests:write"}

    @listed("studies_list", serializers.StudyRow, KIND, OpenApiParameter("backtest", str))
    def get(self, request: Request) -> Response:
        asked = request.query_params
        kind, run = asked.get("kind", "").upper(), None
        if kind and kind not in StudyKind.values:
            allowed = list(StudyKind.values)
            raise Invalid(Code.FIELD_INVALID, f"kind is one of {', '.join(allowed)}.", "kind", {"allowed": allowed})
        if asked.get("backtest"):
            run = find_run(request, asked["backtest"]).pk
        rows = selectors.list_studies(caller_of(request).team.pk, run_id=run, kind=kind)
        return list_page(request, rows, ["-created_at", "-id"], serializers.study_row)

    @extend_schema(
        operation_id="studies_create", request=serializers.NewStudy, responses={202: serializers.StudyDetail}
    )
    @idempotent
    def post(self, request: Request) -> Response:
        body = serializers.NewStudy(data=request.data)
        body.is_valid(raise_exception=True)
        given, run = body.validated_data, find_run(request, body.validated_data["backtest"])
        study = studying.ask_study(
            run=run, actor=caller_of(request).actor, kind=given["kind"].upper(), settings=given["settings"]
        )
        return Response(serializers.study_detail(study), status=202)


class StudyApi(APIView):
    """One study."""

    scopes = {"GET": "backtests:read", "DELETE": "backtests:write"}

    @extend_schema(operation_id="studies_read", responses=serializers.StudyDetail)
    def get(self, request: Request, study: str) -> Response:
        return Response(serializers.study_detail(_find(request, study)))

    @extend_schema(operation_id="studies_delete", responses={204: None})
    def delete(self, request: Request, study: str) -> Response:
        studying.delete_study(study=_find(request, study), actor=caller_of(request).actor)
        return Response(status=204)


class CancelStudyApi(APIView):
    """Stopping a study."""

    scopes = {"POST": "backtests:write"}
    rate_bucket = None

    @extend_schema(operation_id="studies_cancel", request=None, responses=serializers.StudyDetail)
    def post(self, request: Request, study: str) -> Response:
        studying.cancel_study(study=_find(request, study), actor=caller_of(request).actor, at=read_at())
        return Response(serializers.study_detail(_find(request, study)))


class ResumeStudyApi(APIView):
    """Taking up a failed or cancelled study where it stood."""

    scopes = {"POST": "backtests:write"}

    @extend_schema(operation_id="studies_resume", request=None, responses={202: serializers.StudyDetail})
    def post(self, request: Request, study: str) -> Response:
        studying.resume_study(study=_find(request, study), actor=caller_of(request).actor)
        return Response(serializers.study_detail(_find(request, study)), status=202)


class SavePointApi(APIView):
    """A point of a sweep or search, kept as a version of its strategy; the best if none is named."""

    scopes = {"POST": "strategies:write"}

    @extend_schema(
        operation_id="studies_save", request=serializers.SavePoint, responses={201: serializers.SavedVersion}
    )
    @idempotent
    def post(self, request: Request, study: str) -> Response:
        body = serializers.SavePoint(data=request.data)
        body.is_valid(raise_exception=True)
        number = body.validated_data.get("number")
        version = saving.save_point(study=_find(request, study), actor=caller_of(request).actor, number=number)
        return Response(serializers.saved_version(version), status=201)


class TrialsApi(APIView):
    """What a study tried, in order."""

    scopes = {"GET": "backtests:read"}

    @listed("study_trials_list", serializers.TrialRow)
    def get(self, request: Request, study: str) -> Response:
        rows = selectors.list_trials(_find(request, study).pk)
        return list_page(request, rows, ["number"], serializers.trial_row)


class RulePacksApi(APIView):
    """Firms' programs that a challenge can be simulated by: the platform's, and the team's own; of each the newest valid version."""

    scopes = {"GET": "backtests:read"}

    @extend_schema(operation_id="rule_packs_list", responses=serializers.RulePacks)
    def get(self, request: Request) -> Response:
        caller = caller_of(request)
        rows = list_packs(caller.team.pk, caller.at.date())
        return Response({"results": [serializers.pack_row(row, read_pack(row.document)) for row in rows]})


class CatalogueApi(APIView):
    """The strategies that a document may name, with their parameters."""

    scopes = {"GET": "strategies:read"}

    @extend_schema(operation_id="catalogue_list", responses=serializers.Catalogue)
    def get(self, request: Request) -> Response:
        return Response({"results": [serializers.catalogue_row(get_spec(name)) for name in list_names()]})


def _find(request: Request, reference: str) -> Study:
    return selectors.get_study(caller_of(request).team.pk, reference)
