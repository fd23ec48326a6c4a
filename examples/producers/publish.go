// Adds a job with the Go client (Debian: golang-github-nats-io-go-nats-dev).
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build publish.go
//	publish <host> <port> <subject> <payload>
package main

import (
	"fmt"
	"log"
	"os"

	"github.com/nats-io/nats.go"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 5 {
		log.Print("usage: publish <host> <port> <subject> <payload>")
		os.Exit(2)
	}
	connection, err := nats.Connect("nats://" + os.Args[1] + ":" + os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	js, err := connection.JetStream()
	if err != nil {
		log.Fatal(err)
	}
	message := nats.NewMsg(os.Args[3])
	message.Data = []byte(os.Args[4])
	message.Header.Set("Jetfleet-Max-Attempts", "5")
	// Waits until the server has confirmed that the job is stored.
	stored, err := js.PublishMsg(message)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("{\"stream\":%q,\"seq\":%d}\n", stored.Stream, stored.Sequence)
}
