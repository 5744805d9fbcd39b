from django.urls import path

from . import views

urlpatterns = [
    path("campaigns/", views.campaigns, name="campaigns"),
    path("campaigns/new/", views.create, name="campaign-create"),
    path("campaigns/<int:campaign_id>/", views.campaign, name="campaign"),
    path("campaigns/<int:campaign_id>/move/", views.move, name="campaign-move"),
    path("campaigns/<int:campaign_id>/refill/", views.refill, name="campaign-refill"),
    path("campaigns/<int:campaign_id>/dialing/", views.dialing, name="campaign-dialing"),
    path("campaigns/scripts/", views.scripts, name="scripts"),
    path("campaigns/scripts/new/", views.script, name="script-create"),
    path("campaigns/scripts/<int:script_id>/", views.script, name="script"),
]
