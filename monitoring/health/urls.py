"""Addresses for container health checks; each answers with and without a trailing slash."""

from django.urls import path

from monitoring.health.views import ReadinessView, live

urlpatterns = [
    path("health", ReadinessView.as_view(), name="health"),
    path("health/live", live, name="health-live"),
]
