"""Every address of the site. Below api/ and health/ a trailing slash makes no difference."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView, TemplateView

from monitoring.api.views import DocsView, IndexView, SchemaView

admin.site.site_header = admin.site.site_title = "VATSIM Data Collection System"
admin.site.index_title = "Administration"

handler400 = "monitoring.api.errors.bad_request"
handler403 = "monitoring.api.errors.permission_denied"
handler404 = "monitoring.api.errors.page_not_found"
handler500 = "monitoring.api.errors.server_error"

urlpatterns = [
    path("", TemplateView.as_view(template_name="index.html"), name="index"),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("", include("monitoring.health.urls")),
    path("api", IndexView.as_view(), name="api"),
    path("api/schema", SchemaView.as_view(), name="schema"),
    path("api/docs", DocsView.as_view(url_name="schema"), name="docs"),
    path("api/", include("collector.api.urls")),
    path("api/", include("monitoring.urls")),
]
