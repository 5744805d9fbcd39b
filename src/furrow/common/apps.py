from django.apps import AppConfig


class CommonConfig(AppConfig):
    name = "furrow.common"
