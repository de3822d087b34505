// The server of gRPC's interop tests in C++: interop_server ADDRESS [CERT_FILE KEY_FILE]. It is the only one here that can tell whether
// a request was compressed, and says so as the cases want it.

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "grpc/testing/test.grpc.pb.h"
#include "message_flags.h"
#include "xds/service/orca/v3/orca.grpc.pb.h"

namespace grpc {
namespace testing {

// A friend of the context, for tests such as this.
class InteropServerContextInspector {
 public:
  static bool WasCompressed(ServerContext* context) { return WasMessageCompressed(context->c_call()); }
};

}  // namespace testing
}  // namespace grpc

namespace {

using grpc::ServerContext;
using grpc::Status;
using grpc::StatusCode;
using grpc::testing::Empty;
using grpc::testing::EchoStatus;
using grpc::testing::InteropServerContextInspector;
using grpc::testing::Payload;
using grpc::testing::SimpleRequest;
using grpc::testing::SimpleResponse;
using grpc::testing::StreamingInputCallRequest;
using grpc::testing::StreamingInputCallResponse;
using grpc::testing::StreamingOutputCallRequest;
using grpc::testing::StreamingOutputCallResponse;
using grpc::testing::TestOrcaReport;
using xds::data::orca::v3::OrcaLoadReport;

constexpr char kEchoInitial[] = "x-grpc-test-echo-initial";
constexpr char kEchoTrailing[] = "x-grpc-test-echo-trailing-bin";
constexpr char kOrcaTrailer[] = "endpoint-load-metrics-bin";

OrcaLoadReport LoadReport(const TestOrcaReport& report) {
  OrcaLoadReport result;
  result.set_cpu_utilization(report.cpu_utilization());
  result.set_mem_utilization(report.memory_utilization());
  *result.mutable_request_cost() = report.request_cost();
  *result.mutable_utilization() = report.utilization();
  return result;
}

// What is reported out of band.
class Reports {
 public:
  void Set(const TestOrcaReport& report) {
    std::lock_guard<std::mutex> lock(mutex_);
    current_ = LoadReport(report);
  }
  OrcaLoadReport Current() {
    std::lock_guard<std::mutex> lock(mutex_);
    return current_;
  }

 private:
  std::mutex mutex_;
  OrcaLoadReport current_;
};

// A google.rpc.Status with one detail, written by hand: its own contract is not at hand here.
std::string BytesField(int number, const std::string& value) {
  std::string field(1, static_cast<char>(number << 3 | 2));
  for (size_t left = value.size();; left >>= 7) {
    field.push_back(static_cast<char>(left > 0x7f ? (left & 0x7f) | 0x80 : left));
    if (left <= 0x7f) break;
  }
  return field + value;
}

std::string StatusDetails(const EchoStatus& status) {
  const std::string detail =
      BytesField(1, "type.googleapis.com/grpc.testing.EchoStatus") + BytesField(2, status.SerializeAsString());
  return std::string("\x08") + static_cast<char>(status.code()) + BytesField(2, status.message()) +
         BytesField(3, detail);
}

void Echo(ServerContext* context) {
  const auto& metadata = context->client_metadata();
  const auto initial = metadata.find(kEchoInitial);
  if (initial != metadata.end()) {
    context->AddInitialMetadata(kEchoInitial, std::string(initial->second.data(), initial->second.size()));
  }
  const auto trailing = metadata.find(kEchoTrailing);
  if (trailing != metadata.end()) {
    context->AddTrailingMetadata(kEchoTrailing, std::string(trailing->second.data(), trailing->second.size()));
  }
}

Status StatusOf(const EchoStatus& status) {
  if (status.code() == 0) return Status::OK;
  return Status(static_cast<StatusCode>(status.code()), status.message(), StatusDetails(status));
}

// Compression is set for a call; single messages can only be left out of it.
grpc::WriteOptions CompressedIf(ServerContext* context, bool asked, bool compressed) {
  if (asked) context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
  grpc::WriteOptions options;
  if (!compressed) options.set_no_compression();
  return options;
}

template <class Request>
bool IsAsExpected(ServerContext* context, const Request& request) {
  return !request.has_expect_compressed() ||
         request.expect_compressed().value() == InteropServerContextInspector::WasCompressed(context);
}

const Status kNotAsExpected(StatusCode::INVALID_ARGUMENT, "the request is not compressed as it says");

class TestService final : public grpc::testing::TestService::Service {
 public:
  explicit TestService(Reports* reports) : reports_(reports) {}

  Status EmptyCall(ServerContext*, const Empty*, Empty*) override { return Status::OK; }

  Status UnaryCall(ServerContext* context, const SimpleRequest* request, SimpleResponse* response) override {
    if (!IsAsExpected(context, *request)) return kNotAsExpected;
    if (request->response_compressed().value()) context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
    Echo(context);
    if (request->has_orca_per_query_report()) {
      context->AddTrailingMetadata(kOrcaTrailer, LoadReport(request->orca_per_query_report()).SerializeAsString());
    }
    response->mutable_payload()->set_body(std::string(request->response_size(), '\0'));
    if (request->fill_server_id()) response->set_server_id("grpc-c++");
    return StatusOf(request->response_status());
  }

  Status StreamingOutputCall(ServerContext* context, const StreamingOutputCallRequest* request,
                             grpc::ServerWriter<StreamingOutputCallResponse>* writer) override {
    Answer(context, *request, writer);
    return Status::OK;
  }

  Status StreamingInputCall(ServerContext* context, grpc::ServerReader<StreamingInputCallRequest>* reader,
                            StreamingInputCallResponse* response) override {
    StreamingInputCallRequest request;
    int size = 0;
    while (reader->Read(&request)) {
      if (!IsAsExpected(context, request)) return kNotAsExpected;
      size += static_cast<int>(request.payload().body().size());
    }
    response->set_aggregated_payload_size(size);
    return Status::OK;
  }

  Status FullDuplexCall(
      ServerContext* context,
      grpc::ServerReaderWriter<StreamingOutputCallResponse, StreamingOutputCallRequest>* stream) override {
    Echo(context);
    StreamingOutputCallRequest request;
    while (stream->Read(&request)) {
      if (request.response_status().code() != 0) return StatusOf(request.response_status());
      if (request.has_orca_oob_report()) reports_->Set(request.orca_oob_report());
      Answer(context, request, stream);
    }
    return Status::OK;
  }

  Status HalfDuplexCall(
      ServerContext* context,
      grpc::ServerReaderWriter<StreamingOutputCallResponse, StreamingOutputCallRequest>* stream) override {
    std::vector<StreamingOutputCallRequest> requests;
    StreamingOutputCallRequest request;
    while (stream->Read(&request)) requests.push_back(request);
    for (const auto& each : requests) Answer(context, each, stream);
    return Status::OK;
  }

 private:
  template <class Writer>
  static void Answer(ServerContext* context, const StreamingOutputCallRequest& request, Writer* writer) {
    bool asked = false;
    for (const auto& wanted : request.response_parameters()) asked = asked || wanted.compressed().value();
    for (const auto& wanted : request.response_parameters()) {
      if (wanted.interval_us() > 0) std::this_thread::sleep_for(std::chrono::microseconds(wanted.interval_us()));
      StreamingOutputCallResponse response;
      response.mutable_payload()->set_body(std::string(wanted.size(), '\0'));
      if (!writer->Write(response, CompressedIf(context, asked, wanted.compressed().value()))) return;
      asked = false;
    }
  }

  Reports* reports_;
};

class OpenRcaService final : public xds::service::orca::v3::OpenRcaService::Service {
 public:
  explicit OpenRcaService(Reports* reports) : reports_(reports) {}

  Status StreamCoreMetrics(ServerContext* context, const xds::service::orca::v3::OrcaLoadReportRequest* request,
                           grpc::ServerWriter<OrcaLoadReport>* writer) override {
    const auto& interval = request->report_interval();
    const auto pause = std::max<std::chrono::nanoseconds>(
        std::chrono::milliseconds(100),
        std::chrono::seconds(interval.seconds()) + std::chrono::nanoseconds(interval.nanos()));
    auto due = std::chrono::steady_clock::now();
    while (!context->IsCancelled()) {
      if (std::chrono::steady_clock::now() >= due) {
        if (!writer->Write(reports_->Current())) break;
        due += pause;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return Status::OK;
  }

 private:
  Reports* reports_;
};

std::string ContentOf(const char* path) {
  std::stringstream content;
  content << std::ifstream(path).rdbuf();
  return content.str();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 4) {
    std::cerr << "usage: interop_server ADDRESS [CERT_FILE KEY_FILE]" << std::endl;
    return 2;
  }
  std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
  if (argc == 4) {
    grpc::SslServerCredentialsOptions tls;
    tls.pem_key_cert_pairs.push_back({ContentOf(argv[3]), ContentOf(argv[2])});
    credentials = grpc::SslServerCredentials(tls);
  }
  Reports reports;
  TestService test_service(&reports);
  OpenRcaService orca_service(&reports);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(argv[1], credentials);
  builder.RegisterService(&test_service);
  builder.RegisterService(&orca_service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::cout << "listening on " << argv[1] << std::endl;
  server->Wait();
}
