"""
The client of gRPC's interop tests on C-core: interop_client.py --address host:port --descriptors FILE [--ca FILE] CASE...
Writes a line for each case: its name, and "ok" or what went wrong as JSON.
"""

import argparse
import json
import queue

import grpc

from interop_messages import Contract

LARGE_REQUEST, LARGE_ANSWER = 271_828, 314_159
REQUEST_SIZES = (27_182, 8, 1_828, 45_904)
ANSWER_SIZES = (31_415, 9, 2_653, 58_979)
ECHO_INITIAL = ("x-grpc-test-echo-initial", "test_initial_metadata_value")
ECHO_TRAILING = ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab")
UNICODE_MESSAGE = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"
SOAK_ITERATIONS = 10
CASE_MAX_S = 20

flags = argparse.ArgumentParser()
flags.add_argument("--address", required=True)
flags.add_argument("--descriptors", required=True)
flags.add_argument("--ca")
flags.add_argument("cases", nargs="+")
options = flags.parse_args()

contract = Contract(options.descriptors)
SimpleRequest = contract.message("grpc.testing.SimpleRequest")
InputRequest = contract.message("grpc.testing.StreamingInputCallRequest")
OutputRequest = contract.message("grpc.testing.StreamingOutputCallRequest")
OrcaLoadReport = contract.message("xds.data.orca.v3.OrcaLoadReport")
Empty = contract.message("grpc.testing.Empty")


class Stub:
    def __init__(self, service: str = "grpc.testing.TestService", compression=None) -> None:
        self._service = service
        # Channels with the same options share connections otherwise, and a soak of channels would be one of calls.
        settings = (("grpc.use_local_subchannel_pool", 1), ("grpc.ssl_target_name_override", "localhost"))
        if options.ca:
            with open(options.ca, "rb") as file:
                trust = grpc.ssl_channel_credentials(file.read())
            self.channel = grpc.secure_channel(options.address, trust, settings, compression)
        else:
            self.channel = grpc.insecure_channel(options.address, settings[:1], compression)

    def __enter__(self) -> "Stub":
        return self

    def __exit__(self, *_error) -> None:
        self.channel.close()

    def __getattr__(self, name: str):
        path, request, answer, (many_requests, many_answers) = contract.method(self._service, name)
        kind = ("stream" if many_requests else "unary") + "_" + ("stream" if many_answers else "unary")
        return getattr(self.channel, kind)(
            path, request_serializer=request.SerializeToString, response_deserializer=answer.FromString
        )


def payload(size: int) -> dict:
    return {"body": bytes(size)}


def expect(condition: bool, claim: str) -> None:
    if not condition:
        raise AssertionError(claim)


def status_of(call) -> grpc.StatusCode:
    """Of a call that must fail."""
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call succeeded")


def large_unary_call(stub: Stub, **more) -> None:
    request = SimpleRequest(response_size=LARGE_ANSWER, payload=payload(LARGE_REQUEST), **more)
    answer = stub.UnaryCall(request, timeout=CASE_MAX_S)
    expect(len(answer.payload.body) == LARGE_ANSWER, f"{len(answer.payload.body)} bytes came")


def empty_unary(stub: Stub) -> None:
    expect(stub.EmptyCall(Empty(), timeout=CASE_MAX_S) == Empty(), "the answer is empty")


def large_unary(stub: Stub) -> None:
    large_unary_call(stub)


def client_compressed_unary_noprobe(_stub: Stub) -> None:
    for compression in (grpc.Compression.Gzip, grpc.Compression.Deflate, grpc.Compression.NoCompression):
        with Stub(compression=compression) as compressing:
            large_unary_call(compressing)


def client_compressed_streaming_noprobe(_stub: Stub) -> None:
    with Stub(compression=grpc.Compression.Gzip) as compressing:
        requests = iter([InputRequest(payload=payload(27_182)), InputRequest(payload=payload(45_904))])
        answer = compressing.StreamingInputCall(requests, timeout=CASE_MAX_S)
        expect(answer.aggregated_payload_size == 73_086, str(answer))


def server_compressed_unary(stub: Stub) -> None:
    large_unary_call(stub, response_compressed={"value": True})
    large_unary_call(stub, response_compressed={"value": False})


def server_compressed_streaming(stub: Stub) -> None:
    wanted = [{"size": 31_415, "compressed": {"value": True}}, {"size": 92_653, "compressed": {"value": False}}]
    answers = stub.StreamingOutputCall(OutputRequest(response_parameters=wanted), timeout=CASE_MAX_S)
    sizes = [len(answer.payload.body) for answer in answers]
    expect(sizes == [31_415, 92_653], str(sizes))


def client_streaming(stub: Stub) -> None:
    requests = (InputRequest(payload=payload(size)) for size in REQUEST_SIZES)
    answer = stub.StreamingInputCall(requests, timeout=CASE_MAX_S)
    expect(answer.aggregated_payload_size == sum(REQUEST_SIZES), str(answer))


def server_streaming(stub: Stub) -> None:
    request = OutputRequest(response_parameters=[{"size": size} for size in ANSWER_SIZES])
    sizes = tuple(len(answer.payload.body) for answer in stub.StreamingOutputCall(request, timeout=CASE_MAX_S))
    expect(sizes == ANSWER_SIZES, str(sizes))


class Requests:
    """Requests of a stream that are made while it runs."""

    def __init__(self) -> None:
        self._queue = queue.Queue()

    def send(self, request) -> None:
        self._queue.put(request)

    def end(self) -> None:
        self._queue.put(None)

    def __iter__(self):
        return iter(self._queue.get, None)


def ping_pong(stub: Stub) -> None:
    requests = Requests()
    answers = stub.FullDuplexCall(iter(requests), timeout=CASE_MAX_S)
    for request_size, answer_size in zip(REQUEST_SIZES, ANSWER_SIZES):
        requests.send(OutputRequest(response_parameters=[{"size": answer_size}], payload=payload(request_size)))
        expect(len(next(answers).payload.body) == answer_size, f"an answer of {answer_size} bytes")
    requests.end()
    expect(next(answers, None) is None, "nothing follows")


def empty_stream(stub: Stub) -> None:
    expect(list(stub.FullDuplexCall(iter(()), timeout=CASE_MAX_S)) == [], "nothing is answered")


def cancel_after_begin(stub: Stub) -> None:
    requests = Requests()
    call = stub.StreamingInputCall.future(iter(requests), timeout=CASE_MAX_S)
    call.cancel()
    requests.end()
    expect(call.cancelled() and call.code() == grpc.StatusCode.CANCELLED, str(call.code()))


def cancel_after_first_response(stub: Stub) -> None:
    requests = Requests()
    answers = stub.FullDuplexCall(iter(requests), timeout=CASE_MAX_S)
    requests.send(OutputRequest(response_parameters=[{"size": ANSWER_SIZES[0]}], payload=payload(REQUEST_SIZES[0])))
    expect(len(next(answers).payload.body) == ANSWER_SIZES[0], "the first answer")
    answers.cancel()
    requests.end()
    expect(status_of(lambda: next(answers)).code() == grpc.StatusCode.CANCELLED, "it ends as cancelled")


def timeout_on_sleeping_server(stub: Stub) -> None:
    requests = Requests()
    answers = stub.FullDuplexCall(iter(requests), timeout=0.001)
    requests.send(OutputRequest(payload=payload(27_182)))
    error = status_of(lambda: next(answers))
    requests.end()
    expect(error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, str(error))


def custom_metadata(stub: Stub) -> None:
    metadata = (ECHO_INITIAL, ECHO_TRAILING)
    request = SimpleRequest(response_size=1, payload=payload(1))
    _, unary = stub.UnaryCall.with_call(request, metadata=metadata, timeout=CASE_MAX_S)
    stream = stub.FullDuplexCall(
        iter([OutputRequest(response_parameters=[{"size": 1}], payload=payload(1))]),
        metadata=metadata,
        timeout=CASE_MAX_S,
    )
    expect(len(list(stream)) == 1, "one answer")
    for call in (unary, stream):
        expect(ECHO_INITIAL in [tuple(each) for each in call.initial_metadata()], "the headers echo")
        expect(ECHO_TRAILING in [tuple(each) for each in call.trailing_metadata()], "the trailers echo")


def status_code_and_message(stub: Stub) -> None:
    status = {"code": 2, "message": "test status message"}
    unary = status_of(lambda: stub.UnaryCall(SimpleRequest(response_status=status), timeout=CASE_MAX_S))
    stream = stub.FullDuplexCall(iter([OutputRequest(response_status=status)]), timeout=CASE_MAX_S)
    for error in (unary, status_of(lambda: list(stream))):
        expect((error.code(), error.details()) == (grpc.StatusCode.UNKNOWN, status["message"]), str(error))


def special_status_message(stub: Stub) -> None:
    request = SimpleRequest(response_status={"code": 2, "message": UNICODE_MESSAGE})
    error = status_of(lambda: stub.UnaryCall(request, timeout=CASE_MAX_S))
    expect((error.code(), error.details()) == (grpc.StatusCode.UNKNOWN, UNICODE_MESSAGE), repr(error.details()))


def unimplemented_method(stub: Stub) -> None:
    error = status_of(lambda: stub.UnimplementedCall(Empty(), timeout=CASE_MAX_S))
    expect(error.code() == grpc.StatusCode.UNIMPLEMENTED, str(error))


def unimplemented_service(_stub: Stub) -> None:
    with Stub("grpc.testing.UnimplementedService") as stub:
        unimplemented_method(stub)


def orca_per_rpc(stub: Stub) -> None:
    report = {
        "cpu_utilization": 0.821,
        "memory_utilization": 0.5847,
        "request_cost": {"cost": 3_456.32},
        "utilization": {"util": 0.30499},
    }
    _, call = stub.UnaryCall.with_call(SimpleRequest(orca_per_query_report=report), timeout=CASE_MAX_S)
    trailers = dict(call.trailing_metadata())
    expect("endpoint-load-metrics-bin" in trailers, "the trailers have the report")
    received = OrcaLoadReport.FromString(trailers["endpoint-load-metrics-bin"])
    expect(received.cpu_utilization == 0.821 and received.request_cost["cost"] == 3_456.32, str(received))


def rpc_soak(stub: Stub) -> None:
    for _ in range(SOAK_ITERATIONS):
        large_unary_call(stub)


def channel_soak(_stub: Stub) -> None:
    for _ in range(SOAK_ITERATIONS):
        with Stub() as stub:
            large_unary_call(stub)


for case in options.cases:
    outcome = "ok"
    try:
        with Stub() as own_stub:
            globals()[case](own_stub)
    except Exception as error:  # whatever it is, it is this case's
        outcome = json.dumps(f"{type(error).__name__}: {error}")
    print(case, outcome, flush=True)
