"""The users of Locust, one class for each of its clients, and what it says of their response times."""

import json
import os

from locust import FastHttpUser, HttpUser, constant, events, task


def visitor(base):
    class Visitor(base):
        wait_time = constant(float(os.environ.get("WAIT", "0")))

        @task
        def ask(self):
            self.client.get(os.environ["URL_PATH"])

    return Visitor


Visitor = visitor({"fast": FastHttpUser, "http": HttpUser}[os.environ["CLIENT"]])


@events.quitting.add_listener
def say(environment, **_):
    at = environment.stats.total.get_response_time_percentile
    print(json.dumps({"P50": at(0.5) / 1000, "P95": at(0.95) / 1000, "P99": at(0.99) / 1000}))
