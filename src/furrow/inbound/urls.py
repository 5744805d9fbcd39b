from django.urls import path

from . import views

urlpatterns = [
    path("incoming/", views.pop, name="incoming"),
    path("incoming/<int:offer_id>/take/", views.take, name="incoming-take"),
    path("incoming/<int:offer_id>/decline/", views.decline, name="incoming-decline"),
    path("callers/", views.callers, name="callers"),
    path("hotlines/", views.hotlines, name="hotlines"),
    path("hotlines/new/", views.hotline, name="hotline-create"),
    path("hotlines/<int:hotline_id>/", views.hotline, name="hotline"),
]
