// An echo server and client of grpc-go for `make bench-ends`, beside those in Node: `ends server` prints where it listens;
// `ends client ADDRESS CONNECTIONS` makes calls as it is told on standard input and says how long they took, a line of JSON each way.
//
// Messages are the bytes that they are on the wire, as in the other contestants: a codec would cost all the same, and hide the
// difference. A received message is the receiver's own copy, as the codec's contract asks.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

// rawCodec passes *[]byte through.
type rawCodec struct{}

var _ encoding.CodecV2 = rawCodec{}

func (rawCodec) Marshal(message any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*message.(*[]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, message any) error {
	*message.(*[]byte) = data.Materialize()
	return nil
}

func (rawCodec) Name() string { return "proto" }

const (
	service = "bench.EchoService"
	// A message begins with the tag of `answers`, and its value.
	answersAt = 1
)

func echo(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var request []byte
	if err := decode(&request); err != nil {
		return nil, err
	}
	return &request, nil
}

func echoMany(_ any, stream grpc.ServerStream) error {
	var request []byte
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	for count := 0; count < int(request[answersAt]); count++ {
		if err := stream.SendMsg(&request); err != nil {
			return err
		}
	}
	return nil
}

func chat(_ any, stream grpc.ServerStream) error {
	for {
		var message []byte
		if err := stream.RecvMsg(&message); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.SendMsg(&message); err != nil {
			return err
		}
	}
}

var description = grpc.ServiceDesc{
	ServiceName: service,
	HandlerType: (*any)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Echo", Handler: echo}},
	Streams: []grpc.StreamDesc{
		{StreamName: "EchoMany", Handler: echoMany, ServerStreams: true},
		{StreamName: "Chat", Handler: chat, ServerStreams: true, ClientStreams: true},
	},
}

func serve() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := grpc.NewServer(grpc.ForceServerCodecV2(rawCodec{}))
	server.RegisterService(&description, struct{}{})
	go tellMemory()
	fmt.Printf("listening at %s\n", listener.Addr())
	return server.Serve(listener)
}

// tellMemory collects garbage at each SIGUSR2 and gives freed memory back, then prints "heap BYTES": live objects and stacks.
func tellMemory() {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR2)
	for range asked {
		debug.FreeOSMemory()
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		fmt.Printf("heap %d\n", memory.HeapAlloc+memory.StackInuse)
	}
}

func main() {
	run := serve
	if len(os.Args) > 1 && os.Args[1] == "client" {
		run = obey
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
