// The client of gRPC's interop tests in C++: interop_client ADDRESS CA_FILE CASE... ("" as the file: plain text). Writes a line for
// each case: its name, and "ok" or what went wrong.

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "grpc/testing/test.grpc.pb.h"
#include "message_flags.h"

namespace grpc {
namespace testing {

// A friend of the context, for tests such as this.
class InteropClientContextInspector {
 public:
  static bool WasCompressed(const ClientContext& context) { return WasMessageCompressed(context.call_); }
};

}  // namespace testing
}  // namespace grpc

namespace {

using grpc::ClientContext;
using grpc::Status;
using grpc::StatusCode;
using grpc::testing::Empty;
using grpc::testing::InteropClientContextInspector;
using grpc::testing::SimpleRequest;
using grpc::testing::SimpleResponse;
using grpc::testing::StreamingInputCallRequest;
using grpc::testing::StreamingInputCallResponse;
using grpc::testing::StreamingOutputCallRequest;
using grpc::testing::StreamingOutputCallResponse;
using grpc::testing::TestService;
using grpc::testing::UnimplementedService;

constexpr int kLargeRequest = 271828;
constexpr int kLargeAnswer = 314159;
const std::vector<int> kRequestSizes = {27182, 8, 1828, 45904};
const std::vector<int> kAnswerSizes = {31415, 9, 2653, 58979};
constexpr int kSoakIterations = 10;
constexpr std::chrono::seconds kCaseMax(20);
constexpr char kUnicodeMessage[] = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001F608\t\n";

std::string g_address;
std::string g_ca;

void Expect(bool condition, const std::string& claim) {
  if (!condition) throw std::runtime_error(claim);
}

void ExpectOk(const Status& status) {
  Expect(status.ok(), "status " + std::to_string(status.error_code()) + ": " + status.error_message());
}

void ExpectCode(const Status& status, StatusCode code) {
  Expect(status.error_code() == code, "status " + std::to_string(status.error_code()) + " instead of " +
                                          std::to_string(code) + ": " + status.error_message());
}

std::shared_ptr<grpc::Channel> NewChannel() {
  grpc::ChannelArguments arguments;
  // Channels with the same options share connections otherwise, and a soak of channels would be one of calls.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  if (g_ca.empty()) return grpc::CreateCustomChannel(g_address, grpc::InsecureChannelCredentials(), arguments);
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = g_ca;
  arguments.SetSslTargetNameOverride("localhost");
  return grpc::CreateCustomChannel(g_address, grpc::SslCredentials(tls), arguments);
}

using Stub = TestService::Stub;

// A call's context, with a deadline so that none hangs.
struct Call {
  ClientContext context;
  Call() { context.set_deadline(std::chrono::system_clock::now() + kCaseMax); }
};

SimpleRequest LargeRequest() {
  SimpleRequest request;
  request.set_response_size(kLargeAnswer);
  request.mutable_payload()->set_body(std::string(kLargeRequest, '\0'));
  return request;
}

void LargeUnaryCall(Stub* stub, const SimpleRequest& request, Call* call) {
  SimpleResponse response;
  ExpectOk(stub->UnaryCall(&call->context, request, &response));
  Expect(response.payload().body().size() == kLargeAnswer, "the answer has another size");
}

void LargeUnary(Stub* stub) {
  Call call;
  LargeUnaryCall(stub, LargeRequest(), &call);
}

void EmptyUnary(Stub* stub) {
  Call call;
  Empty response;
  ExpectOk(stub->EmptyCall(&call.context, Empty(), &response));
}

StreamingInputCallRequest InputOf(int size) {
  StreamingInputCallRequest request;
  request.mutable_payload()->set_body(std::string(size, '\0'));
  return request;
}

void ClientStreaming(Stub* stub) {
  Call call;
  StreamingInputCallResponse response;
  auto stream = stub->StreamingInputCall(&call.context, &response);
  for (const int size : kRequestSizes) Expect(stream->Write(InputOf(size)), "a request is sent");
  stream->WritesDone();
  ExpectOk(stream->Finish());
  Expect(response.aggregated_payload_size() == 74922, "the sum is another");
}

void ServerStreaming(Stub* stub) {
  Call call;
  StreamingOutputCallRequest request;
  for (const int size : kAnswerSizes) request.add_response_parameters()->set_size(size);
  auto stream = stub->StreamingOutputCall(&call.context, request);
  StreamingOutputCallResponse response;
  std::vector<int> sizes;
  while (stream->Read(&response)) sizes.push_back(static_cast<int>(response.payload().body().size()));
  ExpectOk(stream->Finish());
  Expect(sizes == kAnswerSizes, "the answers have other sizes");
}

StreamingOutputCallRequest OutputOf(int answer_size, int request_size) {
  StreamingOutputCallRequest request;
  request.add_response_parameters()->set_size(answer_size);
  request.mutable_payload()->set_body(std::string(request_size, '\0'));
  return request;
}

void PingPong(Stub* stub) {
  Call call;
  auto stream = stub->FullDuplexCall(&call.context);
  StreamingOutputCallResponse response;
  for (size_t index = 0; index < kRequestSizes.size(); ++index) {
    Expect(stream->Write(OutputOf(kAnswerSizes[index], kRequestSizes[index])), "a request is sent");
    Expect(stream->Read(&response), "an answer comes");
    Expect(static_cast<int>(response.payload().body().size()) == kAnswerSizes[index], "it has another size");
  }
  stream->WritesDone();
  Expect(!stream->Read(&response), "nothing follows");
  ExpectOk(stream->Finish());
}

void EmptyStream(Stub* stub) {
  Call call;
  auto stream = stub->FullDuplexCall(&call.context);
  stream->WritesDone();
  StreamingOutputCallResponse response;
  Expect(!stream->Read(&response), "nothing is answered");
  ExpectOk(stream->Finish());
}

void CancelAfterBegin(Stub* stub) {
  Call call;
  StreamingInputCallResponse response;
  auto stream = stub->StreamingInputCall(&call.context, &response);
  call.context.TryCancel();
  ExpectCode(stream->Finish(), StatusCode::CANCELLED);
}

void CancelAfterFirstResponse(Stub* stub) {
  Call call;
  auto stream = stub->FullDuplexCall(&call.context);
  StreamingOutputCallResponse response;
  Expect(stream->Write(OutputOf(kAnswerSizes[0], kRequestSizes[0])), "a request is sent");
  Expect(stream->Read(&response), "an answer comes");
  call.context.TryCancel();
  ExpectCode(stream->Finish(), StatusCode::CANCELLED);
}

void TimeoutOnSleepingServer(Stub* stub) {
  Call call;
  call.context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(1));
  auto stream = stub->FullDuplexCall(&call.context);
  StreamingOutputCallRequest request;
  request.mutable_payload()->set_body(std::string(27182, '\0'));
  stream->Write(request);
  StreamingOutputCallResponse response;
  stream->Read(&response);
  ExpectCode(stream->Finish(), StatusCode::DEADLINE_EXCEEDED);
}

void ExpectEchoed(const ClientContext& context) {
  const auto& headers = context.GetServerInitialMetadata();
  const auto initial = headers.find("x-grpc-test-echo-initial");
  Expect(initial != headers.end() && initial->second == "test_initial_metadata_value", "the headers echo");
  const auto& trailers = context.GetServerTrailingMetadata();
  const auto trailing = trailers.find("x-grpc-test-echo-trailing-bin");
  Expect(trailing != trailers.end() && trailing->second == "\xab\xab\xab", "the trailers echo");
}

void AddEchoed(ClientContext* context) {
  context->AddMetadata("x-grpc-test-echo-initial", "test_initial_metadata_value");
  context->AddMetadata("x-grpc-test-echo-trailing-bin", "\xab\xab\xab");
}

void CustomMetadata(Stub* stub) {
  Call unary;
  AddEchoed(&unary.context);
  LargeUnaryCall(stub, LargeRequest(), &unary);
  ExpectEchoed(unary.context);
  Call streamed;
  AddEchoed(&streamed.context);
  auto stream = stub->FullDuplexCall(&streamed.context);
  StreamingOutputCallResponse response;
  Expect(stream->Write(OutputOf(1, 1)) && stream->WritesDone(), "the request is sent");
  Expect(stream->Read(&response) && !stream->Read(&response), "one answer comes");
  ExpectOk(stream->Finish());
  ExpectEchoed(streamed.context);
}

void ExpectUnknown(const Status& status, const std::string& message) {
  ExpectCode(status, StatusCode::UNKNOWN);
  Expect(status.error_message() == message, "the message is " + status.error_message());
}

void StatusCodeAndMessage(Stub* stub) {
  const std::string message = "test status message";
  Call unary;
  SimpleRequest request;
  request.mutable_response_status()->set_code(2);
  request.mutable_response_status()->set_message(message);
  SimpleResponse response;
  ExpectUnknown(stub->UnaryCall(&unary.context, request, &response), message);
  Call streamed;
  auto stream = stub->FullDuplexCall(&streamed.context);
  StreamingOutputCallRequest output;
  *output.mutable_response_status() = request.response_status();
  stream->Write(output);
  stream->WritesDone();
  StreamingOutputCallResponse answer;
  Expect(!stream->Read(&answer), "nothing is answered");
  ExpectUnknown(stream->Finish(), message);
}

void SpecialStatusMessage(Stub* stub) {
  Call call;
  SimpleRequest request;
  request.mutable_response_status()->set_code(2);
  request.mutable_response_status()->set_message(kUnicodeMessage);
  SimpleResponse response;
  ExpectUnknown(stub->UnaryCall(&call.context, request, &response), kUnicodeMessage);
}

void UnimplementedMethod(Stub* stub) {
  Call call;
  Empty response;
  ExpectCode(stub->UnimplementedCall(&call.context, Empty(), &response), StatusCode::UNIMPLEMENTED);
}

void UnimplementedServiceCase(Stub*) {
  Call call;
  Empty response;
  const auto stub = UnimplementedService::NewStub(NewChannel());
  ExpectCode(stub->UnimplementedCall(&call.context, Empty(), &response), StatusCode::UNIMPLEMENTED);
}

void CallCompressed(Stub* stub, grpc_compression_algorithm algorithm) {
  Call call;
  call.context.set_compression_algorithm(algorithm);
  LargeUnaryCall(stub, LargeRequest(), &call);
}

void ClientCompressedUnaryNoprobe(Stub* stub) {
  for (const auto algorithm : {GRPC_COMPRESS_GZIP, GRPC_COMPRESS_DEFLATE, GRPC_COMPRESS_NONE}) {
    CallCompressed(stub, algorithm);
  }
}

void SendCompressedStream(Stub* stub, bool says_so) {
  Call call;
  call.context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  StreamingInputCallResponse response;
  auto stream = stub->StreamingInputCall(&call.context, &response);
  auto [first, second] = std::pair(InputOf(27182), InputOf(45904));
  if (says_so) first.mutable_expect_compressed()->set_value(true);
  if (says_so) second.mutable_expect_compressed()->set_value(false);
  Expect(stream->Write(first), "a request is sent");
  Expect(stream->Write(second, grpc::WriteOptions().set_no_compression()), "a request is sent");
  stream->WritesDone();
  ExpectOk(stream->Finish());
  Expect(response.aggregated_payload_size() == 73086, "the sum is another");
}

void ClientCompressedStreamingNoprobe(Stub* stub) { SendCompressedStream(stub, false); }

// With the probes: requests that lie about it are refused.
void ClientCompressedUnary(Stub* stub) {
  for (const bool compressed : {true, false}) {
    SimpleRequest request = LargeRequest();
    request.mutable_expect_compressed()->set_value(compressed);
    SimpleResponse response;
    Call lying;
    lying.context.set_compression_algorithm(compressed ? GRPC_COMPRESS_NONE : GRPC_COMPRESS_GZIP);
    ExpectCode(stub->UnaryCall(&lying.context, request, &response), StatusCode::INVALID_ARGUMENT);
    Call call;
    call.context.set_compression_algorithm(compressed ? GRPC_COMPRESS_GZIP : GRPC_COMPRESS_NONE);
    LargeUnaryCall(stub, request, &call);
  }
}

void ClientCompressedStreaming(Stub* stub) { SendCompressedStream(stub, true); }

void ServerCompressedUnary(Stub* stub) {
  for (const bool compressed : {true, false}) {
    Call call;
    SimpleRequest request = LargeRequest();
    request.mutable_response_compressed()->set_value(compressed);
    LargeUnaryCall(stub, request, &call);
    Expect(InteropClientContextInspector::WasCompressed(call.context) == compressed,
           compressed ? "the answer is compressed" : "the answer is not compressed");
  }
}

void ServerCompressedStreaming(Stub* stub) {
  Call call;
  StreamingOutputCallRequest request;
  for (const auto& [size, compressed] : {std::pair(31415, true), std::pair(92653, false)}) {
    auto* const wanted = request.add_response_parameters();
    wanted->set_size(size);
    wanted->mutable_compressed()->set_value(compressed);
  }
  auto stream = stub->StreamingOutputCall(&call.context, request);
  StreamingOutputCallResponse response;
  for (const auto& wanted : request.response_parameters()) {
    Expect(stream->Read(&response), "an answer comes");
    Expect(static_cast<int>(response.payload().body().size()) == wanted.size(), "it has another size");
    Expect(InteropClientContextInspector::WasCompressed(call.context) == wanted.compressed().value(),
           "it is compressed as asked");
  }
  Expect(!stream->Read(&response), "nothing follows");
  ExpectOk(stream->Finish());
}

void RpcSoak(Stub* stub) {
  for (int iteration = 0; iteration < kSoakIterations; ++iteration) LargeUnary(stub);
}

void ChannelSoak(Stub*) {
  for (int iteration = 0; iteration < kSoakIterations; ++iteration) {
    const auto stub = TestService::NewStub(NewChannel());
    LargeUnary(stub.get());
  }
}

const std::map<std::string, std::function<void(Stub*)>> kCases = {
    {"empty_unary", EmptyUnary},
    {"large_unary", LargeUnary},
    {"client_streaming", ClientStreaming},
    {"server_streaming", ServerStreaming},
    {"ping_pong", PingPong},
    {"empty_stream", EmptyStream},
    {"cancel_after_begin", CancelAfterBegin},
    {"cancel_after_first_response", CancelAfterFirstResponse},
    {"timeout_on_sleeping_server", TimeoutOnSleepingServer},
    {"custom_metadata", CustomMetadata},
    {"status_code_and_message", StatusCodeAndMessage},
    {"special_status_message", SpecialStatusMessage},
    {"unimplemented_method", UnimplementedMethod},
    {"unimplemented_service", UnimplementedServiceCase},
    {"client_compressed_unary", ClientCompressedUnary},
    {"client_compressed_streaming", ClientCompressedStreaming},
    {"client_compressed_unary_noprobe", ClientCompressedUnaryNoprobe},
    {"client_compressed_streaming_noprobe", ClientCompressedStreamingNoprobe},
    {"server_compressed_unary", ServerCompressedUnary},
    {"server_compressed_streaming", ServerCompressedStreaming},
    {"rpc_soak", RpcSoak},
    {"channel_soak", ChannelSoak},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: interop_client ADDRESS CA_FILE CASE..." << std::endl;
    return 2;
  }
  g_address = argv[1];
  if (argv[2][0] != '\0') {
    std::stringstream ca;
    ca << std::ifstream(argv[2]).rdbuf();
    g_ca = ca.str();
  }
  for (int index = 3; index < argc; ++index) {
    const std::string name = argv[index];
    std::string outcome = "ok";
    try {
      const auto stub = TestService::NewStub(NewChannel());
      kCases.at(name)(stub.get());
    } catch (const std::exception& error) {
      outcome = error.what();
      std::replace(outcome.begin(), outcome.end(), '\n', ' ');
    }
    std::cout << name << " " << outcome << std::endl;
  }
}
