"""A gRPC server in Python that knows nothing of Heddle: python3 greeter_server.py host:port. No generated code, no reflection."""

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc


def greet(name: bytes, _context: grpc.ServicerContext) -> bytes:
    return b"Hello " + name + b", from Python"


# Both messages have one string with the number 1 that is shorter than 128 bytes: a tag, a length, the text.
def name_of(message: bytes) -> bytes:
    return message[2:]


def text_message(text: bytes) -> bytes:
    return bytes([0x0A, len(text)]) + text


method = grpc.unary_unary_rpc_method_handler(greet, request_deserializer=name_of, response_serializer=text_message)
server = grpc.server(ThreadPoolExecutor(max_workers=2))
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("greeter.v1.GreeterService", {"Greet": method})])
if server.add_insecure_port(sys.argv[1]) == 0:
    sys.exit(f"{sys.argv[1]} cannot be bound")
server.start()
print(f"listening on {sys.argv[1]}", flush=True)
server.wait_for_termination()
