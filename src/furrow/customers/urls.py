from django.urls import path

from . import views

urlpatterns = [
    path("customers/", views.customer_list, name="customers"),
    path("customers/new/", views.create, name="customer-create"),
    path("customers/filters/", views.choose_filters, name="customers-filters"),
    path("customers/number-check/", views.number_check, name="number-check"),
    path("customers/export/", views.export, name="customers-export"),
    path("customers/views/", views.view_save, name="view-save"),
    path("customers/views/<int:view_id>/delete/", views.view_delete, name="view-delete"),
    path("customers/<int:customer_id>/edit/<slug:name>/", views.edit, name="customer-edit"),
    path("customers/<int:customer_id>/note/", views.note, name="customer-note"),
    path("customers/<int:customer_id>/numbers/", views.number_add, name="number-add"),
    path("customers/numbers/<int:number_id>/reveal/", views.reveal, name="number-reveal"),
]
