"""**Job:** makes of generated requests what a JSON schema cannot ask for.
**Owns:** the few rules of the interface that are between members, or about how a number is written.
**Never:** makes a wrong request right: what the schema refuses goes out as it is.
"""

import schemathesis


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.path == "/v1/feed":
        short_wait(case.query)
    if isinstance(case.body, dict):
        write_whole_numbers(case.body)


def short_wait(query):
    """A long poll that finds nothing lasts as long as it asked for: up to half a minute, a thousand times."""
    wait = (query or {}).get("wait")
    if isinstance(wait, int) and 2 <= wait <= 30:
        query["wait"] = wait % 2


def write_whole_numbers(body):
    """For JSON schema 2.0 is a whole number; the interface asks for 2, so that no reader may round."""
    for name, value in body.items():
        if isinstance(value, float) and value.is_integer():
            body[name] = int(value)
