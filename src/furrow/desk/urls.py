from django.urls import path

from .views import desk, floor, record, search, talk

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
    path("desk/hold/", talk.hold, name="desk-hold"),
    path("desk/mute/", talk.mute, name="desk-mute"),
    path("desk/keypad/", talk.keypad, name="desk-keypad"),
    path("desk/tones/", talk.tones, name="desk-tones"),
    path("desk/transfer/", talk.transfer, name="desk-transfer"),
    path("desk/ask/", talk.ask, name="desk-ask"),
    path("desk/party/<int:party_id>/", talk.party, name="desk-party"),
    path("desk/accept/<int:party_id>/", talk.accept, name="desk-accept"),
    path("customers/<int:customer_id>/", record.record, name="customer"),
    path("customers/<int:customer_id>/timeline/", record.timeline, name="customer-timeline"),
    path("search/", search.search, name="search"),
    path("floor/", floor.floor, name="floor"),
    path("floor/bar/", floor.bar, name="floor-bar"),
    path("floor/agents/<int:agent_id>/", floor.agent, name="floor-agent"),
    path("floor/calls/<int:call_id>/", floor.into, name="floor-call"),
]
