from django.urls import path

from .views import clashes, dealing, handing, sharing

urlpatterns = [
    path("teamwork/", clashes.clashes, name="clashes"),
    path("teamwork/clashes/<int:clash_id>/decide/", clashes.decide, name="clash-decide"),
    path("teamwork/clashes/<int:clash_id>/appeal/", clashes.appeal, name="clash-appeal"),
    path("teamwork/whose/", clashes.whose, name="whose"),
    path("teamwork/whose/want/", clashes.want, name="whose-want"),
    path("teamwork/notices/", clashes.notices, name="notices"),
    path("customers/<int:customer_id>/team/", sharing.panel, name="team-panel"),
    path("customers/<int:customer_id>/team/agree/", sharing.agree, name="team-agree"),
    path("teamwork/collaborations/<int:collaboration_id>/end/", sharing.end, name="team-end"),
    path("teamwork/credit/", sharing.credit, name="credit"),
    path("teamwork/terms/", sharing.terms, name="terms"),
    path("teamwork/handovers/", handing.handovers, name="handovers"),
    path("teamwork/handovers/new/", handing.new, name="handover-new"),
    path("teamwork/handovers/<int:handover_id>/", handing.handover, name="handover"),
    path("teamwork/handovers/<int:handover_id>/start/", handing.start, name="handover-start"),
    path("teamwork/handovers/<int:handover_id>/cancel/", handing.cancel, name="handover-cancel"),
    path("teamwork/first-touches/", handing.touches, name="first-touches"),
    path("teamwork/first-touches/<int:item_id>/", handing.brief, name="brief"),
    path("teamwork/deal/", dealing.deal, name="deal"),
    path("teamwork/profiles/", dealing.profiles, name="profiles"),
    path("teamwork/profiles/<int:user_id>/", dealing.profile, name="profile"),
]
