from django.urls import path

from . import views

urlpatterns = [
    path("permits/panel/<int:customer_id>/", views.panel, name="permit-panel"),
]
