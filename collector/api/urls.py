"""Addresses of the collector's API, all below api/."""

from django.urls import path

from collector.api import atc, exports, flights, search, status, tracks, windows

urlpatterns = [
    path("flights", flights.FlightsView.as_view()),  # asked most, so found first
    path("flights/memory", flights.MemoryView.as_view()),
    path("flights/history", flights.HistoryView.as_view()),
    path("flights/window", windows.WindowView.as_view()),
    path("flights/by-callsign/<str:callsign>", flights.ByCallsignView.as_view()),
    path("flights/<int:pk>", flights.FlightView.as_view()),
    path("flights/<int:pk>/track", tracks.TrackView.as_view()),
    path("flights/<int:pk>/stats", tracks.StatsView.as_view()),
    path("exports/positions", exports.ExportView.as_view()),
    path("atc-positions", atc.PositionsView.as_view()),
    path("atc-positions/by-controller-id", atc.ByControllerView.as_view()),
    path("atc-positions/<str:callsign>/sessions", atc.SessionsView.as_view()),
    path("status", status.StatusView.as_view()),
    path("network/status", status.NetworkView.as_view()),
    path("vatsim/ratings", status.RatingsView.as_view()),
    path("search", search.SearchView.as_view()),
]
