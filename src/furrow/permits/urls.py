from django.urls import path

from . import views

urlpatterns = [
    path("permits/panel/<int:customer_id>/", views.panel, name="permit-panel"),
    path("permits/consent/<int:customer_id>/", views.consent, name="permit-consent"),
    path("permits/simulate/<str:region>/", views.simulate, name="policy-simulate"),
]
