from django.urls import path

from . import views

urlpatterns = [path("customers/likely/", views.likely, name="likely-duplicates")]
