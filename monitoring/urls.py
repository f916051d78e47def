"""Addresses of monitoring's API, all below api/."""

from django.urls import path

from monitoring.errors import api as errors
from monitoring.errors import breaker_api
from monitoring.events import api as events

urlpatterns = [
    path("errors", errors.ErrorsView.as_view()),
    path("errors/analytics", errors.AnalyticsView.as_view()),
    path("errors/recovery", errors.RecoveryView.as_view()),
    path("errors/trends", errors.TrendsView.as_view()),
    path("errors/<int:pk>", errors.ErrorView.as_view()),
    path("errors/<int:pk>/ignore", errors.IgnoreView.as_view()),
    path("errors/<int:pk>/reopen", errors.ReopenView.as_view()),
    path("errors/<int:pk>/resolve", errors.ResolveView.as_view()),
    path("errors/circuit-breakers", breaker_api.BreakersView.as_view()),
    path("errors/circuit-breakers/<path:name>/reset", breaker_api.ResetView.as_view()),
    path("events", events.EventsView.as_view()),
    path("events/analytics", events.AnalyticsView.as_view()),
    path("events/dead-letters", events.DeadLettersView.as_view()),
    path("events/dead-letters/<int:pk>/discard", events.DiscardView.as_view()),
    path("events/dead-letters/<int:pk>/retry", events.RetryView.as_view()),
    path("events/replay", events.ReplayView.as_view()),
    path("events/<int:pk>/replay", events.ReplayOneView.as_view()),
    path("tasks/failed", errors.FailedTasksView.as_view()),
    path("tasks/failed/<int:pk>/discard", errors.DiscardView.as_view()),
    path("tasks/failed/<int:pk>/retry", errors.RetryView.as_view()),
]
