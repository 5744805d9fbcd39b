from django.urls import path

from . import views

urlpatterns = [
    path("ownership/panel/<int:customer_id>/", views.panel, name="ownership-panel"),
    path("customers/<int:customer_id>/claim/", views.claim, name="customer-claim"),
    path("customers/<int:customer_id>/release/", views.release, name="customer-release"),
    path("customers/<int:customer_id>/transfer/", views.transfer, name="customer-transfer"),
    path("returns/<int:return_id>/revert/", views.revert, name="return-revert"),
    path("pool/", views.pool, name="pool"),
    path("pool/claim/", views.claim_many, name="pool-claim"),
    path("losing/", views.losing, name="losing"),
    path("losing/mail/", views.mail, name="losing-mail"),
    path("losing/notice/", views.notice, name="losing-notice"),
    path("losing/all/", views.losses, name="losses"),
    path("ownership/rules/", views.edit_rules, name="ownership-rules"),
    path("ownership/days/", views.pauses, name="ownership-pauses"),
    path("ownership/days/<int:pause_id>/cancel/", views.pause_cancel, name="pause-cancel"),
]
