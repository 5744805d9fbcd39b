from django.urls import path

from . import views

urlpatterns = [
    path("customers/likely/", views.likely, name="likely-duplicates"),
    path("customers/<int:customer_id>/join/", views.join, name="customer-join"),
    path("duplicates/", views.duplicates, name="duplicates"),
    path("duplicates/run/", views.run, name="duplicates-run"),
    path("duplicates/<int:pair_id>/judge/", views.judge, name="pair-judge"),
    path("duplicates/undo/", views.undo, name="pair-undo"),
    path("duplicates/verdicts.csv", views.verdicts, name="verdicts"),
    path("duplicates/merges/<int:merge_id>/undo/", views.merge_undo, name="merge-undo"),
]
