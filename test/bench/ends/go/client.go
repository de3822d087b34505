package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

// An order and its outcome are those of test/bench/measure/load-process.ts.
type order struct {
	Kind         string
	Path         string
	Message      []byte
	Answers      int
	Concurrency  int
	Calls        int
	TimeoutMs    int
	WithMetadata bool
	Checked      bool
}

var (
	token  = "Bearer " + strings.Repeat("0123456789abcdef", 8)
	lastID atomic.Int64
)

type outcome struct {
	P50Us   float64 `json:"p50Us"`
	P99Us   float64 `json:"p99Us"`
	WallMs  float64 `json:"wallMs"`
	Failure string  `json:"failure"`
}

func (o *order) check(answer []byte) error {
	if len(answer) != len(o.Message) || (o.Checked && !bytes.Equal(answer, o.Message)) {
		return fmt.Errorf("an answer of %d bytes is not the message of %d", len(answer), len(o.Message))
	}
	return nil
}

func (o *order) call(connection *grpc.ClientConn) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(o.TimeoutMs)*time.Millisecond)
	defer cancel()
	if o.WithMetadata {
		id := fmt.Sprintf("%016x", lastID.Add(1))
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", token, "x-request-id", id)
	}
	if o.Kind == "unary" {
		var answer []byte
		if err := connection.Invoke(ctx, o.Path, &o.Message, &answer); err != nil {
			return err
		}
		return o.check(answer)
	}
	stream, err := connection.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: o.Kind == "chat"}, o.Path)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(&o.Message); err != nil {
		return err
	}
	if o.Kind == "stream" {
		if err := stream.CloseSend(); err != nil {
			return err
		}
	}
	for count := 1; ; count++ {
		var answer []byte
		if err := stream.RecvMsg(&answer); err == io.EOF && count == o.Answers+1 {
			return nil
		} else if err != nil {
			return fmt.Errorf("answer %d: %w", count, err)
		}
		if err := o.check(answer); err != nil {
			return err
		}
		if o.Kind != "chat" {
			continue
		}
		if count < o.Answers {
			err = stream.SendMsg(&o.Message)
		} else {
			err = stream.CloseSend()
		}
		if err != nil {
			return err
		}
	}
}

func (o *order) run(connections []*grpc.ClientConn) outcome {
	latenciesUs := make([]float64, o.Calls)
	var failure atomic.Value
	var started atomic.Int64
	var all sync.WaitGroup
	begin := time.Now()
	for lane := range o.Concurrency {
		all.Go(func() {
			connection := connections[lane%len(connections)]
			for {
				index := int(started.Add(1)) - 1
				if index >= o.Calls {
					return
				}
				callBegin := time.Now()
				if err := o.call(connection); err != nil {
					failure.Store(err.Error())
				}
				latenciesUs[index] = float64(time.Since(callBegin).Nanoseconds()) / 1_000
			}
		})
	}
	all.Wait()
	wallMs := float64(time.Since(begin).Nanoseconds()) / 1_000_000
	slices.Sort(latenciesUs)
	found, _ := failure.Load().(string)
	return outcome{latenciesUs[o.Calls/2], latenciesUs[o.Calls*99/100], wallMs, found}
}

func obey() error {
	address, count := os.Args[2], 1
	if len(os.Args) > 3 {
		if _, err := fmt.Sscan(os.Args[3], &count); err != nil {
			return err
		}
	}
	connections := make([]*grpc.ClientConn, count)
	for index := range connections {
		connection, err := grpc.NewClient(address,
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{})))
		if err != nil {
			return err
		}
		connections[index] = connection
	}
	fmt.Println(`"ready"`)
	input := bufio.NewReader(os.Stdin)
	for {
		line, err := input.ReadBytes('\n')
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		var next order
		if err := json.Unmarshal(line, &next); err != nil {
			return err
		}
		answer, err := json.Marshal(next.run(connections))
		if err != nil {
			return err
		}
		fmt.Printf("%s\n", answer)
	}
}
