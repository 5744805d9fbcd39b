from django.apps import AppConfig


class ProfilesConfig(AppConfig):
    name = "furrow.profiles"

    def ready(self) -> None:
        from furrow.customers.holdings import declare

        from . import actions

        declare("profiles.Contact.customer", move=actions.move_contacts)
        declare("profiles.Contact.person", move=actions.move_persons)
