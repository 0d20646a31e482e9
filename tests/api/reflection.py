"""A gRPC client that knows nothing in advance: services and messages come from the running server,
by the reflection service. Of that service alone the descriptor is written here, by its protocol."""

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

FIELD = descriptor_pb2.FieldDescriptorProto
INT32, BYTES, STRING, MESSAGE = FIELD.TYPE_INT32, FIELD.TYPE_BYTES, FIELD.TYPE_STRING, FIELD.TYPE_MESSAGE


def reflection_messages(package):
    """Request and response of grpc/reflection/v1/reflection.proto, as far as they are used here."""
    file = descriptor_pb2.FileDescriptorProto(name=package + ".proto", package=package, syntax="proto3")

    def message(name, *fields):
        entry = file.message_type.add(name=name)
        for field, number, kind, repeated, of in fields:
            label = FIELD.LABEL_REPEATED if repeated else FIELD.LABEL_OPTIONAL
            added = entry.field.add(name=field, number=number, type=kind, label=label)
            if of:
                added.type_name = f".{package}.{of}"

    message("Request", ("host", 1, STRING, False, None), ("file_by_filename", 3, STRING, False, None),
            ("file_containing_symbol", 4, STRING, False, None), ("list_services", 7, STRING, False, None))
    message("Service", ("name", 1, STRING, False, None))
    message("Services", ("service", 1, MESSAGE, True, "Service"))
    message("Files", ("file_descriptor_proto", 1, BYTES, True, None))
    message("Error", ("error_code", 1, INT32, False, None), ("error_message", 2, STRING, False, None))
    message("Response", ("files", 4, MESSAGE, False, "Files"), ("services", 6, MESSAGE, False, "Services"),
            ("error", 7, MESSAGE, False, "Error"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return [message_class(pool, f"{package}.{name}") for name in ("Request", "Response")]


def message_class(pool, full_name):
    return message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName(full_name))


class Reflection:
    """The reflection service of a channel, in one of its two versions."""

    def __init__(self, channel, version="v1"):
        package = f"grpc.reflection.{version}"
        self.request, self.response = reflection_messages(package)
        self.call = channel.stream_stream(
            f"/{package}.ServerReflection/ServerReflectionInfo",
            request_serializer=lambda m: m.SerializeToString(),
            response_deserializer=self.response.FromString)

    def ask(self, **question):
        return next(self.call(iter([self.request(**question)]), timeout=10))

    def services(self):
        return sorted(s.name for s in self.ask(list_services="*").services.service)

    def files(self, symbol):
        """The files a symbol needs, by name; those that were not sent along are asked for."""
        found = {}

        def add(answer):
            for octets in answer.files.file_descriptor_proto:
                file = descriptor_pb2.FileDescriptorProto.FromString(octets)
                found[file.name] = file

        add(self.ask(file_containing_symbol=symbol))
        while missing := {d for f in found.values() for d in f.dependency} - set(found):
            add(self.ask(file_by_filename=missing.pop()))
        return found


class Service:
    """One service: each of its calls is a method that takes the request's fields as keywords."""

    def __init__(self, channel, full_name):
        files = Reflection(channel).files(full_name)
        self.pool = descriptor_pool.DescriptorPool()
        added = set()

        def add(name):
            if name in added:
                return
            added.add(name)
            for dependency in files[name].dependency:
                add(dependency)
            self.pool.Add(files[name])

        for name in files:
            add(name)
        self.descriptor = self.pool.FindServiceByName(full_name)
        self.requests = {}
        streaming = {m.name for f in files.values() for s in f.service for m in s.method
                     if m.server_streaming}
        for method in self.descriptor.methods:
            self._add(channel, full_name, method, method.name in streaming)

    def _add(self, channel, full_name, method, streams):
        request = message_class(self.pool, method.input_type.full_name)
        response = message_class(self.pool, method.output_type.full_name)
        make = channel.unary_stream if streams else channel.unary_unary
        call = make(f"/{full_name}/{method.name}", request_serializer=lambda m: m.SerializeToString(),
                    response_deserializer=response.FromString)
        self.requests[method.name] = request
        setattr(self, method.name, lambda timeout=10, **fields: call(request(**fields), timeout=timeout))


def open_channel(target, tls=None, name=None):
    """A channel; `tls` is (root certificates, own key, own certificate), the latter two or None."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
    if tls is None:
        return grpc.insecure_channel(target, options)
    if name:
        options.append(("grpc.ssl_target_name_override", name))
    return grpc.secure_channel(target, grpc.ssl_channel_credentials(*tls), options)
