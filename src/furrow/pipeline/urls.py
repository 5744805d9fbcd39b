from django.urls import path

from . import views

urlpatterns = [
    path("customers/<int:customer_id>/score/", views.score, name="customer-score"),
    path("customers/<int:customer_id>/stage/", views.stage, name="customer-stage"),
    path("customers/<int:customer_id>/back/", views.back, name="customer-back"),
    path("handoffs/", views.handoffs, name="handoffs"),
    path("handoffs/decide/", views.decide, name="handoffs-decide"),
    path("stages/", views.stages, name="stages"),
]
