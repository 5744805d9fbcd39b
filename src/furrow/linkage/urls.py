from django.urls import path

from . import views

urlpatterns = [path("likely/", views.likely, name="likely-duplicates")]
