from django.urls import path

from . import views

urlpatterns = [
    path("lines/", views.lines, name="lines"),
    path("lines/new/", views.pool, name="pool-create"),
    path("lines/<int:pool_id>/", views.pool, name="pool"),
    path("lines/<int:pool_id>/numbers/", views.numbers, name="pool-numbers"),
    path("lines/number/<int:caller_id>/", views.change, name="caller-id"),
]
