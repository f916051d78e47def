"""Addresses of monitoring's API, all below api/."""

from django.urls import path

from monitoring.errors import breaker_api

urlpatterns = [
    path("errors/circuit-breakers", breaker_api.BreakersView.as_view()),
    path("errors/circuit-breakers/<str:name>/reset", breaker_api.ResetView.as_view()),
]
