/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small messages as a real client sends them: librdkafka with its own settings makes the
 * batches, keeps five requests under way and reports each message. Each has a stamp
 * (stamp.h), the partition being the writer. Prints one line of KEY=VALUE words; any
 * message that is not acknowledged ends it with an error.
 *
 * usage: small FILE TOPIC MESSAGES BYTES PARTITIONS [RATE]
 *
 * RATE is in messages a second; without it they go as fast as librdkafka takes them.
 */
#include <endian.h>
#include <librdkafka/rdkafka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

struct run {
	long wanted, acknowledged, failed;
	char *value;
	size_t bytes;
};

static void
fail(const char *what)
{
	fprintf(stderr, "small: %s\n", what);
	exit(1);
}

static void
delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *arg)
{
	struct run *r = arg;
	(void)rk;
	r->acknowledged += m->err == RD_KAFKA_RESP_ERR_NO_ERROR;
	r->failed += m->err != RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* A client file: lines of NAME=VALUE. */
static rd_kafka_conf_t *
read_conf(const char *path)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char line[4096], text[512];
	FILE *f = fopen(path, "r");
	if (f == NULL)
		fail("the client file cannot be read");
	while (fgets(line, sizeof(line), f) != NULL) {
		char *value = strchr(line, '=');
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || value == NULL)
			continue;
		*value++ = '\0';
		if (rd_kafka_conf_set(conf, line, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
			fail(text);
	}
	fclose(f);
	return conf;
}

static void
send_one(rd_kafka_t *rk, rd_kafka_topic_t *topic, const struct run *r, int partition, long count)
{
	uint64_t words[] = { htobe64((uint64_t)partition), htobe64((uint64_t)count) };
	if (r->bytes >= sizeof(words))
		memcpy(r->value, words, sizeof(words));
	while (rd_kafka_produce(topic, partition, RD_KAFKA_MSG_F_COPY, r->value, r->bytes, NULL, 0, NULL) != 0) {
		if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			fail(rd_kafka_err2str(rd_kafka_last_error()));
		rd_kafka_poll(rk, 10);
	}
}

/* Not before its time: `i` messages at that rate. */
static void
wait_turn(const struct timespec *start, long i, double rate)
{
	struct timespec when = *start;
	double due = (double)i / rate;
	when.tv_sec += (time_t)due;
	when.tv_nsec += (long)((due - (double)(time_t)due) * 1e9);
	if (when.tv_nsec >= 1000000000) {
		when.tv_sec++;
		when.tv_nsec -= 1000000000;
	}
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) != 0)
		continue;
}

int
main(int argc, char **argv)
{
	char text[512];
	struct rusage u;
	struct timespec start;
	if (argc < 6 || argc > 7)
		fail("usage: small FILE TOPIC MESSAGES BYTES PARTITIONS [RATE]");
	double rate = argc == 7 ? strtod(argv[6], NULL) : 0;
	struct run r = { .wanted = strtol(argv[3], NULL, 10), .bytes = strtoul(argv[4], NULL, 10) };
	int partitions = (int)strtol(argv[5], NULL, 10);
	r.value = calloc(1, r.bytes + 1);
	rd_kafka_conf_t *conf = read_conf(argv[1]);
	rd_kafka_conf_set_opaque(conf, &r);
	rd_kafka_conf_set_dr_msg_cb(conf, delivered);
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (rk == NULL || r.value == NULL || partitions < 1)
		fail(rk == NULL ? text : "no memory, or no partitions");
	rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, argv[2], NULL);
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (long i = 0; i < r.wanted; i++) {
		if (rate > 0 && i % 1000 == 0)
			wait_turn(&start, i, rate);
		send_one(rk, topic, &r, (int)(i % partitions), i / partitions);
		if (i % 1000 == 0)
			rd_kafka_poll(rk, 0);
	}
	rd_kafka_flush(rk, 60000);
	getrusage(RUSAGE_SELF, &u);
	printf("messages=%ld client_cpu=%.3f\n", r.acknowledged,
	    (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(rk);
	free(r.value);
	if (r.failed > 0 || r.acknowledged != r.wanted)
		fail("not every message was acknowledged");
	return 0;
}
