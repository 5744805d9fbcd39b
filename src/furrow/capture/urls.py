from django.urls import path

from . import views

urlpatterns = [
    path("web-sites/", views.sites, name="web-sites"),
    path("web-sites/new/", views.site_new, name="web-site-new"),
    path("web-sites/<int:site_id>/", views.site, name="web-site"),
]
