"""Addresses of the collector's API, all below api/."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
