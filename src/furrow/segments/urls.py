from django.urls import path

from . import views

urlpatterns = [
    path("segments/", views.segments, name="segments"),
    path("segments/new/", views.segment_new, name="segment-new"),
    path("segments/draft/", views.draft, name="segment-draft"),
    path("segments/size/", views.size, name="segment-size"),
    path("segments/<int:segment_id>/", views.segment, name="segment"),
    path("segments/<int:segment_id>/count/", views.count, name="segment-count"),
    path("segments/<int:segment_id>/delete/", views.delete, name="segment-delete"),
]
