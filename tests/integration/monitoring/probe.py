"""Addresses that only tests have: views whose answers tell what monitoring does around them."""

import django_filters
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.core.exceptions import SuspiciousOperation
from django.db import connection
from django.http import HttpResponse
from django.urls import include, path
from rest_framework import generics, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from monitoring import correlation
from monitoring.api import parameters
from monitoring.api.formats import CSVRenderer, NDJSONRenderer
from monitoring.api.parameters import StrictParametersMixin
from monitoring.api.permissions import Administrator, Operator, PublicRead, Staff
from monitoring.api.renderers import BrowsableAPIRenderer, JSONRenderer


class Undeclared(APIView):
    """Names no permission."""

    def get(self, request):
        return Response({})


class ForStaff(APIView):
    permission_classes = (Staff,)

    def get(self, request):
        return Response({"user": str(request.user)})

    def post(self, request):
        return Response(request.data)


class ForOperators(ForStaff):
    permission_classes = (Operator,)


class ForAdministrators(ForStaff):
    permission_classes = (Administrator,)


class Public(StrictParametersMixin, APIView):
    permission_classes = (PublicRead,)
    parameters = ("hours",)

    def get(self, request, name=""):
        hours = parameters.integer(request.query_params, "hours", 24, least=1, most=720)
        return Response({"hours": hours, "correlation_id": correlation.current(), "name": name})

    def post(self, request, name=""):
        return Response({})


class AsksDatabase(APIView):
    permission_classes = (PublicRead,)

    def get(self, request):
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s::text", [request.query_params.get("text", "x")])
            return Response(cursor.fetchone())


class AsksRedis(APIView):
    permission_classes = (PublicRead,)
    throttle_classes = ()

    def get(self, request):
        return Response(cache.get("anything"))


class Fails(APIView):
    permission_classes = (PublicRead,)

    def get(self, request):
        raise RuntimeError("a secret of the server")


class Suspicious(APIView):
    permission_classes = (PublicRead,)

    def get(self, request):
        raise SuspiciousOperation("a secret of the server")


class GroupSerializer(serializers.ModelSerializer):
    class Meta:  # noqa: D106
        model = Group
        fields = ("id", "name")


class GroupFilter(django_filters.FilterSet):
    id__gte = django_filters.NumberFilter(field_name="id", lookup_expr="gte")
    name__startswith = django_filters.CharFilter(field_name="name", lookup_expr="startswith")

    class Meta:  # noqa: D106
        model = Group
        fields = ("id", "name")


class Groups(StrictParametersMixin, generics.ListAPIView):
    permission_classes = (PublicRead,)
    queryset = Group.objects.filter(name__startswith="page")
    serializer_class = GroupSerializer
    filterset_class = GroupFilter
    ordering_fields = ("id", "name")
    ordering = "name"
    renderer_classes = (JSONRenderer, BrowsableAPIRenderer, CSVRenderer, NDJSONRenderer)


class GroupValues(Groups):
    """Rows as dictionaries, ordered by a column in which many are equal."""

    queryset = Group.objects.filter(name__startswith="page").values("id", "name")
    ordering = "-id"


def page(request):
    """A page outside of the API that asks the database."""
    return HttpResponse(Group.objects.count())


urlpatterns = [
    path("probe/page", page),
    path("api/probe/undeclared", Undeclared.as_view()),
    path("api/probe/staff", ForStaff.as_view()),
    path("api/probe/operators", ForOperators.as_view()),
    path("api/probe/administrators", ForAdministrators.as_view()),
    path("api/probe/public", Public.as_view()),
    path("api/probe/public/<str:name>", Public.as_view()),
    path("api/probe/database", AsksDatabase.as_view()),
    path("api/probe/redis", AsksRedis.as_view()),
    path("api/probe/fails", Fails.as_view()),
    path("api/probe/suspicious", Suspicious.as_view()),
    path("api/probe/groups", Groups.as_view()),
    path("api/probe/group-values", GroupValues.as_view()),
    path("", include("vatsim_site.urls")),
]
handler400 = "monitoring.api.errors.bad_request"
handler403 = "monitoring.api.errors.permission_denied"
handler404 = "monitoring.api.errors.page_not_found"
handler500 = "monitoring.api.errors.server_error"
