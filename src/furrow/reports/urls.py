from django.urls import path

from . import views

urlpatterns = [
    path("reports/day/", views.day, name="day-report"),
    path("reports/day/export/", views.export, name="day-export"),
]
