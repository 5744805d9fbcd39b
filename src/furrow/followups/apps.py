from django.apps import AppConfig


class FollowUpsConfig(AppConfig):
    name = "furrow.followups"
