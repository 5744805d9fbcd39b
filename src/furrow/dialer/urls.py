from django.urls import path

from . import views

urlpatterns = [
    path("campaigns/<int:campaign_id>/why/", views.why, name="campaign-why"),
    path("campaigns/<int:campaign_id>/pilot/", views.pilot, name="campaign-pilot"),
    path(
        "campaigns/<int:campaign_id>/pilot/start/", views.pilot_start, name="campaign-pilot-start"
    ),
    path(
        "campaigns/<int:campaign_id>/pilot/decide/",
        views.pilot_decide,
        name="campaign-pilot-decide",
    ),
    path(
        "campaigns/<int:campaign_id>/pilot/script/",
        views.second_script,
        name="campaign-second-script",
    ),
]
