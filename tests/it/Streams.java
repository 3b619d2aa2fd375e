// SPDX-License-Identifier: Apache-2.0

// Kafka Streams against a broker: words are counted by two instances, over topics that Streams makes for itself; one
// leaves, and the other goes on with what both counted. Then a static member of a cooperative group restarts, which
// the other one must not notice. Run by tests/long/streams. usage: java Streams.java PROPERTIES STATE-DIRECTORY
import java.io.FileReader;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;

public class Streams {
	static String file;

	static Properties conf(Object... more) throws Exception {
		Properties p = new Properties();
		try (FileReader r = new FileReader(file)) {
			p.load(r);
		}
		p.put("key.serializer", StringSerializer.class.getName());
		p.put("value.serializer", StringSerializer.class.getName());
		p.put("key.deserializer", StringDeserializer.class.getName());
		p.put("value.deserializer", LongDeserializer.class.getName());
		p.put("auto.offset.reset", "earliest");
		for (int i = 0; i < more.length; i += 2)
			p.put(more[i], more[i + 1]);
		return p;
	}

	static void send(String topic, int n, String value) throws Exception {
		try (Producer<String, String> p = new KafkaProducer<>(conf())) {
			for (int i = 0; i < n; i++)
				p.send(new ProducerRecord<>(topic, "k" + i, value));
		}
	}

	static KafkaStreams start(Topology t, String state) throws Exception {
		KafkaStreams s = new KafkaStreams(t, conf("application.id", "words", "state.dir", state, "commit.interval.ms", "500",
			"num.stream.threads", "2", "default.key.serde", Serdes.StringSerde.class.getName(),
			"default.value.serde", Serdes.StringSerde.class.getName()));
		s.start();
		return s;
	}

	static void until(String word, long want, String group) throws Exception {
		long seen = 0, end = System.currentTimeMillis() + 60000;
		try (Consumer<String, Long> c = new KafkaConsumer<>(conf("group.id", group))) {
			c.subscribe(List.of("out"));
			while (seen < want && System.currentTimeMillis() < end)
				for (ConsumerRecord<String, Long> r : c.poll(Duration.ofMillis(300)))
					if (r.key().equals(word))
						seen = Math.max(seen, r.value());
		}
		if (seen != want)
			throw new Exception(word + " was counted " + seen + " times, not " + want);
	}

	static void words(Admin admin, String dir) throws Exception {
		admin.createTopics(List.of(new NewTopic("in", 4, (short) -1), new NewTopic("out", 2, (short) -1))).all().get();
		StreamsBuilder b = new StreamsBuilder();
		b.<String, String>stream("in").flatMapValues(v -> Arrays.asList(v.split(" "))).groupBy((k, v) -> v)
			.count(Materialized.as("counts")).toStream().to("out", Produced.with(Serdes.String(), Serdes.Long()));
		KafkaStreams one = start(b.build(), dir + "/1"), two = start(b.build(), dir + "/2");
		send("in", 500, "a b c");
		until("a", 500, "first");
		one.close(Duration.ofSeconds(30));
		send("in", 100, "a");
		until("a", 600, "second");
		two.close(Duration.ofSeconds(30));
		Set<String> names = admin.listTopics().names().get();
		if (!names.containsAll(Set.of("words-counts-changelog", "words-counts-repartition")))
			throw new Exception("its own topics are missing: " + names);
		System.out.println("streams: words are counted, one after the other");
	}

	static class Member extends Thread {
		final List<String> log;
		volatile boolean stop;
		volatile int assigned;
		final String name;

		Member(String name, List<String> log) {
			this.name = name;
			this.log = log;
			setDaemon(true); // a failure of main ends it all
			start();
		}

		public void run() {
			try (Consumer<String, String> c = new KafkaConsumer<>(conf("group.id", "static", "group.instance.id", name,
					"value.deserializer", StringDeserializer.class.getName(),
					"partition.assignment.strategy", CooperativeStickyAssignor.class.getName(),
					"session.timeout.ms", "60000", "heartbeat.interval.ms", "300"))) {
				c.subscribe(List.of("in"), new ConsumerRebalanceListener() {
					public void onPartitionsRevoked(Collection<TopicPartition> p) { log.add(name + "-" + p.size()); }
					public void onPartitionsAssigned(Collection<TopicPartition> p) { log.add(name + "+" + p.size()); }
				});
				while (!stop) {
					c.poll(Duration.ofMillis(100));
					assigned = c.assignment().size();
				}
			} catch (Exception e) {
				log.add(name + ": " + e);
			}
		}

		void end() throws Exception {
			stop = true;
			join();
		}
	}

	static void settle(List<String> log, Member... members) throws Exception {
		for (long end = System.currentTimeMillis() + 60000; ; Thread.sleep(100)) {
			if (Arrays.stream(members).allMatch(m -> m.assigned == 4 / members.length))
				return;
			if (System.currentTimeMillis() > end)
				throw new Exception("they did not share: " + log);
		}
	}

	static void restart(Admin admin) throws Exception {
		List<String> log = Collections.synchronizedList(new ArrayList<>());
		Member a = new Member("a", log);
		settle(log, a);
		Member b = new Member("b", log);
		settle(log, a, b);
		for (int i = 0; i < 2; i++) {
			Thread.sleep(2000); // the group is at rest: b has joined with what it owns
			b.end();
			log.clear();
			b = new Member("b", log);
			settle(log, a, b);
			Thread.sleep(2000);
			if (log.stream().anyMatch(l -> !l.equals("b+2")))
				throw new Exception("a static member came back, and there was a rebalance: " + log);
		}
		a.end();
		b.end();
		System.out.println("static: two restarts, no rebalance");
	}

	public static void main(String[] args) throws Exception {
		file = args[0];
		try (Admin admin = Admin.create(conf())) {
			words(admin, args[1]);
			restart(admin);
		}
	}
}
