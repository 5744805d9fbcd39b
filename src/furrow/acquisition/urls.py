from django.urls import path, re_path

from . import views

urlpatterns = [
    path("lists/", views.imports, name="imports"),
    path("lists/new/", views.upload, name="import-new"),
    path("lists/sources/", views.sources, name="sources"),
    path("lists/sources/new/", views.source_new, name="source-new"),
    path("lists/sources/<int:source_id>/", views.source, name="source"),
    path("lists/<int:batch_id>/", views.detail, name="import"),
    path("lists/<int:batch_id>/state/", views.state, name="import-state"),
    path("lists/<int:batch_id>/columns/", views.columns, name="import-columns"),
    path("lists/<int:batch_id>/layout/", views.layout, name="import-layout"),
    path("lists/<int:batch_id>/back/", views.back, name="import-back"),
    path("lists/<int:batch_id>/choices/", views.choose, name="import-choices"),
    path("lists/<int:batch_id>/return/", views.give_back, name="import-return"),
    path("lists/<int:batch_id>/errors/", views.errors, name="import-errors"),
    path("lists/<int:batch_id>/rows/<int:line>/", views.row, name="import-row"),
    re_path(
        r"^lists/(?P<batch_id>\d{1,18})/rows/(?P<finding>problem|doubt|known|repeat)/$",
        views.rows,
        name="import-rows",
    ),
    re_path(
        r"^lists/(?P<batch_id>\d{1,18})/(?P<what>import|stop|resume|undo)/$",
        views.go,
        name="import-go",
    ),
    path("customers/<int:customer_id>/origins/", views.origins, name="origins-panel"),
]
