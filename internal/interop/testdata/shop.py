"""What docs/testing.md shows for Python: an application, and its tests with an embedded broker."""

import json
import subprocess
import unittest
import urllib.request

import blazingmq

ORDERS = "bmq://bmq.test.mem.priority/orders"


def send_order(session, order):
    """The application that is tested: opens its queue until it can, then posts."""
    for attempt in range(3):
        try:
            session.open_queue(ORDERS, write=True)
            break
        except blazingmq.Error:
            if attempt == 2:
                raise
    session.post(ORDERS, order)
    session.close_queue(ORDERS)


class Broker:
    """An embedded broker and its endpoint for control."""

    def __init__(self):
        command = ["bmq", "broker", "-listen", "127.0.0.1:0", "-http", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.uri = self.process.stdout.readline().strip()
        for line in self.process.stdout:
            if "controlled at" in line:
                self.control = line.split()[-1]
                break

    def call(self, method, path, body=None):
        request = urllib.request.Request(self.control + "/api/" + path, method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


class TestShop(unittest.TestCase):
    def setUp(self):
        self.broker = Broker()
        self.addCleanup(self.broker.close)
        self.session = blazingmq.Session(print, broker=self.broker.uri)
        self.addCleanup(self.session.stop)

    def test_an_order_is_sent(self):
        send_order(self.session, b"3 apples")
        [message] = self.broker.call("GET", "messages?uri=" + ORDERS)
        found = self.broker.call("GET", f"message?uri={ORDERS}&guid={message['guid']}")
        self.assertEqual(found["text"], "3 apples")

    def test_a_queue_that_can_not_be_opened_at_once(self):
        fault = self.broker.call("POST", "faults", {
            "on": "requesting", "request": "openQueue", "queue": ORDERS, "times": 2,
            "do": "refuse", "status": {"category": "E_REFUSED", "code": 0, "message": "not now"},
        })
        send_order(self.session, b"3 apples")
        self.assertEqual(self.broker.call("GET", f"faults/{fault['id']}")["hits"], 2)

    def test_a_restart_keeps_what_is_asked_for(self):
        send_order(self.session, b"3 apples")
        self.broker.call("POST", "restart", {"keep": "all"})
        self.assertEqual(len(self.broker.call("GET", "messages?uri=" + ORDERS)), 1)
        self.broker.call("POST", "restart", {"keep": "none"})
        self.assertEqual(self.broker.call("GET", "queues"), [])


if __name__ == "__main__":
    unittest.main()
