from django.apps import AppConfig


class AcquisitionConfig(AppConfig):
    name = "furrow.acquisition"
