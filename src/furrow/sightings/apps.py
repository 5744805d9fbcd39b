from django.apps import AppConfig


class SightingsConfig(AppConfig):
    name = "furrow.sightings"

    def ready(self) -> None:
        from furrow.customers.holdings import declare

        # They speak of the record somebody opened, and stay with it.
        declare("sightings.Sighting.customer", move=None)
        declare("sightings.Alert.customer", move=None)
        declare("sightings.Planted.customer", move=None)
