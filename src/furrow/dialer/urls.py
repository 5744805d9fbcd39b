from django.urls import path

from . import views

urlpatterns = [
    path("campaigns/<int:campaign_id>/why/", views.why, name="campaign-why"),
]
