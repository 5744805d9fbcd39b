from django.urls import path

from . import views

urlpatterns = [
    path("alerts/", views.alerts, name="alerts"),
    path("alerts/<int:alert_id>/", views.alert, name="alert"),
    path("alerts/<int:alert_id>/settle/", views.settle, name="alert-settle"),
    path("planted/", views.planted, name="planted"),
]
