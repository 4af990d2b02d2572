"""A client for the interoperability tests: commands come as lines of JSON on stdin,
replies, messages, acks and session events go as lines of JSON to stdout."""

import base64
import functools
import json
import sys
import threading

import blazingmq
from blazingmq import PropertyType

OUTPUT = threading.Lock()


def say(kind, **fields):
    line = json.dumps({"is": kind, **fields})
    with OUTPUT:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def name(member):
    """The name of a member of one of the SDK's enumerations."""
    return repr(member).strip("<>").rpartition(".")[2]


def encode_property(value, kind):
    if kind == PropertyType.BOOL:
        return "true" if value else "false"
    if kind == PropertyType.CHAR:
        return str(value[0])
    if kind == PropertyType.BINARY:
        return base64.b64encode(value).decode()
    return str(value)


def decode_property(text, kind):
    if kind == PropertyType.BOOL:
        return text == "true"
    if kind == PropertyType.CHAR:
        return bytes([int(text)])
    if kind == PropertyType.BINARY:
        return base64.b64decode(text)
    if kind == PropertyType.STRING:
        return text
    return int(text)


class Peer:
    def __init__(self):
        self.session = None
        self.monitor = None
        self.confirming = False
        self.handles = {}

    def on_event(self, event):
        say("event", name=type(event).__name__, uri=getattr(event, "queue_uri", ""))

    def on_message(self, message, handle):
        if self.confirming:
            try:
                handle.confirm()
            except blazingmq.Error:
                pass  # there is no connection: the message comes again
        else:
            self.handles[message.guid.hex().upper()] = handle
        say(
            "message",
            uri=message.queue_uri,
            guid=message.guid.hex().upper(),
            data=base64.b64encode(message.data).decode(),
            properties=[
                {
                    "name": key,
                    "type": name(message.property_types[key]),
                    "value": encode_property(value, message.property_types[key]),
                }
                for key, value in message.properties.items()
            ],
        )

    def on_ack(self, tag, ack):
        guid = ack.guid.hex().upper() if ack.guid else ""
        say("ack", tag=tag, status=name(ack.status), guid=guid, uri=ack.queue_uri)

    def start(self, broker, compress=False, confirm=False, monitor=False):
        self.confirming = confirm
        self.monitor = blazingmq.BasicHealthMonitor() if monitor else None
        algorithms = blazingmq.CompressionAlgorithmType
        self.session = blazingmq.Session(
            self.on_event,
            on_message=self.on_message,
            broker=broker,
            message_compression_algorithm=algorithms.ZLIB if compress else algorithms.NONE,
            host_health_monitor=self.monitor,
        )

    def open(self, uri, read=False, write=False, priority=0, suspends=False):
        options = blazingmq.QueueOptions(
            consumer_priority=priority, suspends_on_bad_host_health=suspends
        )
        self.session.open_queue(uri, read=read, write=write, options=options)

    def pause(self, uri):
        self.session.configure_queue(uri, blazingmq.QueueOptions(0, 0, 0))

    def close(self, uri):
        self.session.close_queue(uri)

    def post(self, uri, data, tag, properties=()):
        types = {p["name"]: getattr(PropertyType, p["type"]) for p in properties}
        values = {
            p["name"]: decode_property(p["value"], types[p["name"]]) for p in properties
        }
        self.session.post(
            uri,
            base64.b64decode(data),
            properties=values,
            property_type_overrides=types,
            on_ack=functools.partial(self.on_ack, tag),
        )

    def flood(self, uri, first, count):
        for tag in range(first, first + count):
            self.session.post(
                uri, b"%d" % tag, on_ack=functools.partial(self.on_ack, tag)
            )

    def confirm(self, guid):
        self.handles.pop(guid).confirm()

    def health(self, healthy):
        if healthy:
            self.monitor.set_healthy()
        else:
            self.monitor.set_unhealthy()

    def stop(self):
        self.session.stop()


def main():
    peer = Peer()
    for line in sys.stdin:
        command = json.loads(line)
        try:
            getattr(peer, command.pop("do"))(**command)
        except Exception as error:
            say("reply", error=f"{type(error).__name__}: {error}")
        else:
            say("reply")


if __name__ == "__main__":
    main()
