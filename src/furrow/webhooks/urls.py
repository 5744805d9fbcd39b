from django.urls import path

from . import views

urlpatterns = [
    path("integrations/", views.integrations, name="integrations"),
    path("integrations/keys/new/", views.new_token, name="token-create"),
    path("integrations/keys/<int:token_id>/revoke/", views.revoke, name="token-revoke"),
    path("integrations/webhooks/new/", views.new_endpoint, name="webhook-create"),
    path("integrations/webhooks/<int:endpoint_id>/", views.endpoint, name="webhook"),
    path("integrations/webhooks/<int:endpoint_id>/switch/", views.switch, name="webhook-switch"),
    path("integrations/webhooks/<int:endpoint_id>/test/", views.test, name="webhook-test"),
    path("integrations/deliveries/<int:delivery_id>/retry/", views.retry, name="delivery-retry"),
]
