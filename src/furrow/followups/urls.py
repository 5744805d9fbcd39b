from django.urls import path

from . import views

urlpatterns = [
    path("followups/", views.followups, name="followups"),
    path("followups/customers/<int:customer_id>/", views.panel, name="followup-panel"),
    path("followups/customers/<int:customer_id>/plan/", views.plan, name="followup-plan"),
    path("followups/<int:followup_id>/finish/", views.finish, name="followup-finish"),
    path("followups/attempts/", views.attempts, name="followup-attempts"),
    path("followup-rules/", views.edit_rules, name="followup-rules"),
]
