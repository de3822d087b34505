"""Messages of the interop tests, made at run time of a FileDescriptorSet: no generated code."""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


class Contract:
    """The services of one descriptor set."""

    def __init__(self, path: str) -> None:
        files = descriptor_pb2.FileDescriptorSet()
        with open(path, "rb") as file:
            files.ParseFromString(file.read())
        self._pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            self._pool.Add(file)

    def message(self, full_name: str):
        return message_factory.GetMessageClass(self._pool.FindMessageTypeByName(full_name))

    def method(self, service: str, name: str):
        """Path, class of the requests, class of the answers, and which of both are streams."""
        method = self._pool.FindServiceByName(service).FindMethodByName(name)
        request, answer = (message_factory.GetMessageClass(each) for each in (method.input_type, method.output_type))
        return f"/{service}/{name}", request, answer, (method.client_streaming, method.server_streaming)
