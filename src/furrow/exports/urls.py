from django.urls import path

from . import views

urlpatterns = [
    path("exports/", views.exports, name="exports"),
    path("exports/ask/", views.ask, name="export-ask"),
    path("exports/file/<str:token>/", views.file, name="export-file"),
    path("exports/<int:export_id>/", views.export, name="export"),
    path("exports/<int:export_id>/decide/", views.decide, name="export-decide"),
    path("exports/<int:export_id>/download/", views.download, name="export-download"),
]
