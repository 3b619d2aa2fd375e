// SPDX-License-Identifier: Apache-2.0

// franz-go and sarama against a broker: admin, each codec, a group; over TLS and SCRAM.
// Run by tests/long/go_clients. usage: clients BROKER CAFILE USER PASSWORD; one line for each thing that worked.
package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	xscram "github.com/xdg-go/scram"
)

func must(what string, err error) {
	if err != nil {
		fmt.Println("FAILED:", what, err)
		os.Exit(1)
	}
}

func trust(file string) *tls.Config {
	pem, err := os.ReadFile(file)
	must("CA", err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: pool}
}

func franz(ctx context.Context, broker string, t *tls.Config, user, password string) {
	base := []kgo.Opt{kgo.SeedBrokers(broker), kgo.DialTLSConfig(t),
		kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha256Mechanism())}
	codecs := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	for name, codec := range codecs {
		topic := "franz-" + name
		c, err := kgo.NewClient(append(base, kgo.ProducerBatchCompression(codec))...)
		must("client", err)
		made, err := kadm.NewClient(c).CreateTopics(ctx, 2, 1, nil, topic)
		must("create", err)
		must("create", made.Error())
		for i := 0; i < 100; i++ {
			must("produce", c.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: fmt.Appendf(nil, "value %d", i)}).FirstErr())
		}
		c.Close()
		r, err := kgo.NewClient(append(base, kgo.ConsumerGroup("g-"+topic), kgo.ConsumeTopics(topic))...)
		must("consumer", err)
		seen := map[string]bool{}
		for len(seen) < 100 {
			f := r.PollFetches(ctx)
			must("fetch", f.Err())
			f.EachRecord(func(rec *kgo.Record) { seen[string(rec.Value)] = true })
		}
		must("commit", r.CommitUncommittedOffsets(ctx))
		r.Close()
		fmt.Println("franz-go", name)
	}
}

type conversation struct{ *xscram.ClientConversation }

func (c *conversation) Begin(user, password, authz string) error {
	client, err := xscram.HashGeneratorFcn(sha256.New).NewClient(user, password, authz)
	if err == nil {
		c.ClientConversation = client.NewConversation()
	}
	return err
}

type reader struct {
	seen map[string]bool
	stop context.CancelFunc
}

func (*reader) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (*reader) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (r *reader) ConsumeClaim(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	for m := range c.Messages() {
		s.MarkMessage(m, "")
		r.seen[string(m.Value)] = true
		if len(r.seen) == 100 {
			r.stop()
		}
	}
	return nil
}

func sara(ctx context.Context, broker string, t *tls.Config, user, password string) {
	codecs := map[string]sarama.CompressionCodec{"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP,
		"snappy": sarama.CompressionSnappy, "lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD}
	for name, codec := range codecs {
		topic := "sarama-" + name
		conf := sarama.NewConfig()
		conf.Net.TLS.Enable, conf.Net.TLS.Config = true, t
		conf.Net.SASL.Enable, conf.Net.SASL.User, conf.Net.SASL.Password = true, user, password
		conf.Net.SASL.Mechanism = sarama.SASLTypeSCRAMSHA256
		conf.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &conversation{} }
		conf.Producer.Return.Successes, conf.Producer.Compression = true, codec
		conf.Consumer.Offsets.Initial = sarama.OffsetOldest
		admin, err := sarama.NewClusterAdmin([]string{broker}, conf)
		must("admin", err)
		must("create", admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false))
		p, err := sarama.NewSyncProducer([]string{broker}, conf)
		must("producer", err)
		for i := 0; i < 100; i++ {
			_, _, err = p.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(fmt.Sprint("value ", i))})
			must("send", err)
		}
		must("close", p.Close())
		g, err := sarama.NewConsumerGroup([]string{broker}, "g-"+topic, conf)
		must("group", err)
		inner, stop := context.WithCancel(ctx)
		r := &reader{map[string]bool{}, stop}
		for inner.Err() == nil {
			must("consume", g.Consume(inner, []string{topic}, r))
		}
		must("leave", g.Close())
		if len(r.seen) != 100 {
			must("records", fmt.Errorf("%d of 100", len(r.seen)))
		}
		must("end", admin.Close())
		fmt.Println("sarama", name)
	}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	t := trust(os.Args[2])
	franz(ctx, os.Args[1], t, os.Args[3], os.Args[4])
	sara(ctx, os.Args[1], t, os.Args[3], os.Args[4])
}
