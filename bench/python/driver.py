"""Does one job with the official Python SDK: the job comes as a line of JSON on stdin,
its result goes as a line of JSON to stdout. See internal/job for what they mean."""

import gc
import json
import random
import resource
import struct
import sys
import threading
import time

import blazingmq
from blazingmq import CompressionAlgorithmType, QueueOptions

PATIENCE = 120  # seconds for one job
WINDOW = QueueOptions(max_unconfirmed_messages=100_000, max_unconfirmed_bytes=1 << 30)
PAUSE = 100e-6  # between bursts of a paced run, seconds
SUCCESS = blazingmq.AckStatus.SUCCESS


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def status(key):
    try:
        with open("/proc/self/status") as lines:
            for line in lines:
                if line.startswith(key):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def text(size):
    words = ["order", "filled", "price", "quantity", "account", "venue", "status", "pending", "execution", "timestamp"]
    rng = random.Random(3)
    lines = []
    length = 0
    while length < size:
        line = f'{{"{rng.choice(words)}": {rng.randrange(10**6)}, "{rng.choice(words)}": "{rng.choice(words)}"}}\n'
        lines.append(line)
        length += len(line)
    return "".join(lines).encode()[:size]


def properties(n):
    values = ["a value of some length", 0, bytes([1, 2, 3, 4, 5, 6, 7, 8])]
    return {f"property{i:02d}": i * 1000 if i % 3 == 1 else values[i % 3] for i in range(n)} or None


class Gauge:
    def __init__(self):
        gc.collect()
        self.cpu, self.start = cpu(), time.perf_counter()

    def stop(self, messages):
        return {
            "messages": messages,
            "seconds": time.perf_counter() - self.start,
            "cpu": cpu() - self.cpu,
            "peak_rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "threads": status("Threads:"),
        }


def quantiles(seconds):
    values = sorted(int(s * 1e9) for s in seconds)

    def at(q):
        return values[min(len(values) - 1, int(len(values) * q))]

    return {"p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "p999": at(0.999), "max": values[-1]}


class Client:
    def __init__(self, job):
        self.job = job
        self.n = job["n"]
        self.warmup = job.get("warmup", 0)
        self.write = job.get("write", [])
        self.read = job.get("read", [])
        self.copies = job.get("copies") or 1
        size = job["size"]
        self.payload = text(size) if job.get("text") else random.Random(1).randbytes(size)
        self.properties = properties(job.get("properties", 0))
        self.acks = job.get("acks", False)
        self.sessions = []
        self.answered = threading.Event()
        self.answers = self.target = self.failed = 0
        self.lock = threading.Lock() if job.get("sessions", 0) > 1 else None

    def session(self, on_message=None):
        compression = CompressionAlgorithmType.ZLIB if self.job.get("zlib") else CompressionAlgorithmType.NONE
        session = blazingmq.Session(
            lambda event: None,
            on_message=on_message,
            broker=self.job["broker"],
            message_compression_algorithm=compression,
        )
        self.sessions.append(session)
        return session

    def close(self):
        for session in self.sessions:
            session.stop()

    def expect(self, n):
        self.answers, self.target = 0, n
        self.answered.clear()

    def wait(self):
        if self.target and not self.answered.wait(PATIENCE):
            raise TimeoutError(f"only {self.answers} of {self.target} answers came")

    # Callbacks of one session come one by one; the interpreter's lock does the rest,
    # except where several sessions count.
    def count(self):
        if self.lock:
            with self.lock:
                self.answers += 1
                last = self.answers == self.target
        else:
            self.answers += 1
            last = self.answers == self.target
        if last:
            self.answered.set()

    def on_ack(self, ack):
        if ack.status is not SUCCESS:
            self.failed += 1
        self.answers += 1
        if self.answers == self.target:
            self.answered.set()

    def on_message(self, message, handle):
        handle.confirm()
        self.count()

    def send(self, sessions, n):
        on_ack = self.on_ack if self.acks else None
        payload, extra, write = self.payload, self.properties, self.write
        if len(sessions) == 1 and len(write) == 1:
            post, uri = sessions[0].post, write[0]
            for _ in range(n):
                post(uri, payload, properties=extra, on_ack=on_ack)
            return
        for i in range(n):
            sessions[i % len(sessions)].post(write[i % len(write)], payload, properties=extra, on_ack=on_ack)

    def post(self):
        for _ in range(max(1, self.job.get("sessions", 0))):
            session = self.session()
            for uri in self.write:
                session.open_queue(uri, write=True)

        def round(n):
            self.expect(n)
            self.send(self.sessions, n)
            self.wait()

        if not self.acks:
            raise ValueError("the Python SDK tells by acks only when messages were sent")
        if self.warmup:
            round(self.warmup)
        gauge = Gauge()
        round(self.n)
        return gauge.stop(self.n)

    def consume(self):
        session = self.session(self.on_message)
        self.expect(self.n)
        gauge = Gauge()
        for uri in self.read:
            session.open_queue(uri, read=True, options=WINDOW)
        self.wait()
        return gauge.stop(self.n)

    def open_both(self, on_message):
        readers = self.job.get("sessions", 0)
        session = self.session(on_message)
        if readers <= 1 and len(self.read) == len(self.write):
            for uri in self.write:
                session.open_queue(uri, read=True, write=True, options=WINDOW)
            return session
        for uri in self.write:
            session.open_queue(uri, write=True)
        for _ in range(max(1, readers)):
            reader = self.session(on_message) if readers > 1 else session
            for uri in self.read:
                reader.open_queue(uri, read=True, options=WINDOW)
        return session

    def exchange(self):
        session = self.open_both(self.on_message)
        if self.acks and not self.lock:
            # Acks and messages come on one thread.
            self.lock = None

        def round(n):
            self.expect(n * (self.copies + (1 if self.acks else 0)))
            self.send([session], n)
            self.wait()

        if self.warmup:
            round(self.warmup)
        gauge = Gauge()
        round(self.n)
        return gauge.stop(self.n * self.copies)

    def pingpong(self):
        came = threading.Semaphore(0)

        def on_message(message, handle):
            handle.confirm()
            came.release()

        session = self.open_both(on_message)
        uri, payload, latency = self.write[0], self.payload, []
        on_ack = (lambda ack: None) if self.acks else None
        gauge = None
        for i in range(self.warmup + self.n):
            if i == self.warmup:
                gauge = Gauge()
            start = time.perf_counter()
            session.post(uri, payload, on_ack=on_ack)
            if not came.acquire(timeout=PATIENCE):
                raise TimeoutError("a message did not come")
            if i >= self.warmup:
                latency.append(time.perf_counter() - start)
        result = gauge.stop(self.n)
        result["latency"] = quantiles(latency)
        return result

    def paced(self):
        epoch, latency = time.perf_counter(), []

        def on_message(message, handle):
            late = time.perf_counter() - epoch - struct.unpack_from(">q", message.data)[0] / 1e9
            handle.confirm()
            latency.append(late)
            self.count()

        session = self.open_both(on_message)
        uri, rest, rate = self.write[0], self.payload[8:], self.job["rate"]
        on_ack = (lambda ack: None) if self.acks else None
        self.expect(self.warmup + self.n)
        gauge = start = None
        for i in range(self.warmup + self.n):
            if i in (0, self.warmup):
                gauge, start, first = Gauge(), time.perf_counter(), i
            due = start + (i - first) / rate
            while (wait := due - time.perf_counter()) > 0:
                time.sleep(max(wait, PAUSE))
            session.post(uri, struct.pack(">q", int((due - epoch) * 1e9)) + rest, on_ack=on_ack)
        self.wait()
        result = gauge.stop(self.n)
        result["latency"] = quantiles(latency[self.warmup :])
        return result


def main():
    job = json.loads(sys.stdin.readline())
    client = None
    try:
        client = Client(job)
        if job.get("batch"):
            raise ValueError("the Python SDK has no batches")
        work = {
            "post": client.post,
            "consume": client.consume,
            "exchange": client.exchange,
            "pingpong": client.pingpong,
            "paced": client.paced,
        }.get(job["kind"])
        if work is None:
            raise ValueError(f"the Python client does not know the kind of work {job['kind']!r}")
        result = work()
        result["failed"] = client.failed
        result["version"] = blazingmq.__version__
    except Exception as error:
        result = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(result), flush=True)
    if client:
        client.close()


if __name__ == "__main__":
    main()
