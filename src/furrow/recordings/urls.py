from django.urls import path

from . import views

urlpatterns = [
    path("recordings/<int:call_id>/listen/", views.listen_, name="recording-listen"),
    path("recordings/sound/<str:key>/", views.sound, name="recording-sound"),
]
