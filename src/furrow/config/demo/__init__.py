"""A demo company: invented people, numbers that were never allocated, six weeks of history."""

PASSWORD = "furrow-demo"  # noqa: S105  printed on the screen; a demo company guards nothing

# What `furrow run` prints. Kept free of Django, as it is read before anything is ready.
SIGN_INS = (
    f"Sign in as one of these; every password is {PASSWORD}",
    "  agent1 … agent30    the desk and one's own customers",
    "  leader1 … leader4   a team, and its floor live",
    "  ops                 lists and campaigns",
    "  qa                  quality",
    "  manager             reports",
    "  admin               people and rights",
)
