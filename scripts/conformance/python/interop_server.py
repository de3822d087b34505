"""The server of gRPC's interop tests on C-core: interop_server.py --address host:port --descriptors FILE [--cert FILE --key FILE]."""

import argparse
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc

from interop_messages import Contract

ECHO_INITIAL = "x-grpc-test-echo-initial"
ECHO_TRAILING = "x-grpc-test-echo-trailing-bin"
ORCA_TRAILER = "endpoint-load-metrics-bin"
STATUS_DETAILS = "grpc-status-details-bin"
CODES = {code.value[0]: code for code in grpc.StatusCode}

flags = argparse.ArgumentParser()
flags.add_argument("--address", required=True)
flags.add_argument("--descriptors", required=True)
flags.add_argument("--cert")
flags.add_argument("--key")
options = flags.parse_args()

contract = Contract(options.descriptors)
OrcaLoadReport = contract.message("xds.data.orca.v3.OrcaLoadReport")


class Reports:
    """What is reported out of band."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current = OrcaLoadReport()

    def set(self, report) -> None:
        with self._lock:
            self._current = load_report(report)

    def current(self):
        with self._lock:
            return self._current


def load_report(report):
    return OrcaLoadReport(
        cpu_utilization=report.cpu_utilization,
        mem_utilization=report.memory_utilization,
        request_cost=dict(report.request_cost),
        utilization=dict(report.utilization),
    )


def varint_field(number: int, value: int) -> bytes:
    return bytes([number << 3]) + varint(value)


def bytes_field(number: int, value: bytes) -> bytes:
    return bytes([number << 3 | 2]) + varint(len(value)) + value


def varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def status_details(status) -> bytes:
    """A google.rpc.Status with one detail, which grpcurl must ask reflection for."""
    url = b"type.googleapis.com/grpc.testing.EchoStatus"
    detail = bytes_field(1, url) + bytes_field(2, status.SerializeToString())
    return varint_field(1, status.code) + bytes_field(2, status.message.encode()) + bytes_field(3, detail)


def echo(context: grpc.ServicerContext) -> list:
    """Sends the headers that are to be echoed; returns the trailers."""
    metadata = dict(context.invocation_metadata())
    if ECHO_INITIAL in metadata:
        context.send_initial_metadata(((ECHO_INITIAL, metadata[ECHO_INITIAL]),))
    return [(ECHO_TRAILING, metadata[ECHO_TRAILING])] if ECHO_TRAILING in metadata else []


class TestService:
    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    def EmptyCall(self, _request, _context):
        return {}

    def UnaryCall(self, request, context):
        if request.response_compressed.value:
            context.set_compression(grpc.Compression.Gzip)
        trailers = echo(context)
        status = request.response_status
        if request.HasField("orca_per_query_report"):
            report = load_report(request.orca_per_query_report)
            trailers.append((ORCA_TRAILER, report.SerializeToString()))
        if status.code != 0:
            trailers.append((STATUS_DETAILS, status_details(status)))
        context.set_trailing_metadata(tuple(trailers))
        if status.code != 0:
            context.abort(CODES[status.code], status.message)
        answer = {"payload": {"body": bytes(request.response_size)}}
        if request.fill_server_id:
            answer["server_id"] = "grpcio"
        return answer

    def StreamingOutputCall(self, request, context):
        if any(wanted.compressed.value for wanted in request.response_parameters):
            context.set_compression(grpc.Compression.Gzip)
        yield from answers(request, context)

    def StreamingInputCall(self, requests, _context):
        return {"aggregated_payload_size": sum(len(request.payload.body) for request in requests)}

    def FullDuplexCall(self, requests, context):
        context.set_trailing_metadata(tuple(echo(context)))
        for request in requests:
            if request.response_status.code != 0:
                context.abort(CODES[request.response_status.code], request.response_status.message)
            if request.HasField("orca_oob_report"):
                self._reports.set(request.orca_oob_report)
            yield from answers(request, context)

    def HalfDuplexCall(self, requests, context):
        for request in list(requests):
            yield from answers(request, context)


def answers(request, context):
    for wanted in request.response_parameters:
        if wanted.interval_us > 0:
            time.sleep(wanted.interval_us / 1_000_000)
        if wanted.HasField("compressed") and not wanted.compressed.value:
            context.disable_next_message_compression()
        yield {"payload": {"body": bytes(wanted.size)}}


class OpenRcaService:
    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    def StreamCoreMetrics(self, request, context):
        interval = request.report_interval
        pause_s = max(0.1, interval.seconds + interval.nanos / 1_000_000_000)
        over = threading.Event()
        context.add_callback(over.set)
        while not over.is_set():
            yield self._reports.current()
            over.wait(pause_s)


KINDS = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


def mount(server: grpc.Server, service: str, servicer) -> None:
    handlers = {}
    for name in [name for name in dir(servicer) if name[0].isupper()]:
        _, request, answer, streams = contract.method(service, name)
        handlers[name] = KINDS[streams](
            getattr(servicer, name),
            request_deserializer=request.FromString,
            response_serializer=lambda made, answer=answer: (
                answer(**made) if isinstance(made, dict) else made
            ).SerializeToString(),
        )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))


server = grpc.server(ThreadPoolExecutor(max_workers=32))
shared_reports = Reports()
mount(server, "grpc.testing.TestService", TestService(shared_reports))
mount(server, "xds.service.orca.v3.OpenRcaService", OpenRcaService(shared_reports))
if options.cert:
    with open(options.key, "rb") as key, open(options.cert, "rb") as cert:
        credentials = grpc.ssl_server_credentials(((key.read(), cert.read()),))
    port = server.add_secure_port(options.address, credentials)
else:
    port = server.add_insecure_port(options.address)
server.start()
print(f"listening on {options.address}", flush=True)
server.wait_for_termination()
