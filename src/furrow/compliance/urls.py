from django.urls import path

from . import views

urlpatterns = [
    path("compliance/suppressions/", views.suppressions, name="suppressions"),
    path("compliance/suppressions/search/", views.search, name="suppression-search"),
    path("compliance/suppressions/add/", views.suppress, name="suppression-add"),
    path("compliance/suppressions/<int:suppression_id>/lift/", views.lift, name="suppression-lift"),
    path("compliance/registers/", views.registers, name="registers"),
    path(
        "compliance/registers/<int:register_id>/active/",
        views.register_active,
        name="register-active",
    ),
    path("compliance/policy/", views.policies, name="policy"),
    path("compliance/policy/add/", views.add_region, name="policy-add"),
    path("compliance/policy/<str:region>/", views.policy, name="policy-edit"),
    path("compliance/policy/<str:region>/adopt/", views.adopt, name="policy-adopt"),
    path(
        "compliance/policy/<str:region>/calendar/<int:year>/",
        views.calendar,
        name="policy-calendar",
    ),
    path(
        "compliance/policy/<str:region>/calendar/<int:year>/fill/",
        views.fill_calendar,
        name="policy-calendar-fill",
    ),
]
