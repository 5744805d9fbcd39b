from django.urls import path

from . import views

urlpatterns = [
    path("phone/", views.phone, name="phone"),
    path("phone/open/", views.open_, name="phone-open"),
    path("phone/close/", views.close, name="phone-close"),
]
