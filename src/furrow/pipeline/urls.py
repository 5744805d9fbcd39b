from django.urls import path

from . import views

urlpatterns = [
    path("customers/<int:customer_id>/score/", views.score, name="customer-score"),
    path("customers/<int:customer_id>/stage/", views.stage, name="customer-stage"),
]
