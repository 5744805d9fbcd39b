from django.urls import path

from . import views

urlpatterns = [
    path("customers/<int:customer_id>/ask/", views.ask, name="ask-panel"),
    path("customers/<int:customer_id>/around/", views.panel, name="around-panel"),
    path("customers/<int:customer_id>/contacts/", views.contact_add, name="contact-add"),
    path("contacts/<int:contact_id>/remove/", views.contact_remove, name="contact-remove"),
    path("reports/completeness/", views.complete, name="completeness"),
]
