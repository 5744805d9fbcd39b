from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DialerConfig(AppConfig):
    name = "furrow.dialer"

    def ready(self) -> None:
        from furrow.customers.ties import declare_tie
        from furrow.ownership.declarations import declare_exemption

        from .queries import tied_customers

        declare_tie(
            "helper",
            because=_("A colleague has asked you into a call with this customer."),
            customers=tied_customers,
        )

        declare_exemption(
            "lease",
            _("a campaign is about to call the customer"),
            sql="SELECT target.customer_id FROM dialer_lease AS lease"
            " JOIN campaigns_target AS target ON target.id = lease.target_id"
            " WHERE lease.released_at IS NULL AND lease.call_id IS NULL"
            " AND lease.expires_at > %(at)s",
        )
