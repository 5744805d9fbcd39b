from django.urls import path

from .views import desk, floor, record, search

urlpatterns = [
    path("desk/", desk.desk, name="desk"),
    path("desk/bar/", desk.bar, name="desk-bar"),
    path("desk/call/", desk.call, name="desk-call"),
    path("desk/hangup/", desk.hang_up, name="desk-hangup"),
    path("desk/finish/", desk.finish, name="desk-finish"),
    path("desk/session/", desk.session, name="desk-session"),
    path("desk/dial/", desk.dial, name="desk-dial"),
    path("desk/skip/", desk.skip, name="desk-skip"),
    path("desk/presence/", desk.presence, name="desk-presence"),
    path("customers/<int:customer_id>/", record.record, name="customer"),
    path("customers/<int:customer_id>/timeline/", record.timeline, name="customer-timeline"),
    path("search/", search.search, name="search"),
    path("floor/", floor.floor, name="floor"),
]
