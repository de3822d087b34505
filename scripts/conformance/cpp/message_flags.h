#ifndef HEDDLE_CONFORMANCE_MESSAGE_FLAGS_H_
#define HEDDLE_CONFORMANCE_MESSAGE_FLAGS_H_

#include <grpc/grpc.h>

// Exported by gRPC's core for tests, and declared in none of its public headers.
uint32_t grpc_call_test_only_get_message_flags(grpc_call* call);

// GRPC_WRITE_INTERNAL_TEST_ONLY_WAS_COMPRESSED.
constexpr uint32_t kWasCompressed = 0x40000000u;

// Whether the last message that came on this call was compressed.
inline bool WasMessageCompressed(grpc_call* call) {
  return (grpc_call_test_only_get_message_flags(call) & kWasCompressed) != 0;
}

#endif  // HEDDLE_CONFORMANCE_MESSAGE_FLAGS_H_
