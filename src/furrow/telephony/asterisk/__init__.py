"""Asterisk behind the port: where it comes from, how it is set up, and the adapter that speaks ARI.

| file | gives |
|---|---|
| `tree.py` | Asterisk's programs, unpacked from the distribution's packages by any user |
| `settings.py` | what differs by house: trunks, addresses, folders |
| `configuration.py` | a whole configuration written from those settings |
| `process.py` | one running Asterisk: start, wait until it answers, stop, kill |
| `ari.py`, `ami.py` | the two small clients: calls and events, and recording |
| `journal.py` | Asterisk's own event journal (CEL), read from a byte offset |
| `adapter.py` | `AsteriskTelephony`: the port's commands and events |
"""
