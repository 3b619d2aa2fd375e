// SPDX-License-Identifier: Apache-2.0

// A producer or a member of a group by Java's client of any age, for test_56_any_client.py, which says what is spoken.
// usage: java AnyClient produce|consume PROPERTIES TOPIC GROUP
import java.io.*;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.*;

public class AnyClient {
	static final BufferedReader in = new BufferedReader(new InputStreamReader(System.in));

	static Properties conf(String file, Object... more) throws Exception {
		Properties p = new Properties();
		try (FileReader r = new FileReader(file)) {
			p.load(r);
		}
		for (int i = 0; i < more.length; i += 2)
			p.put(more[i], more[i + 1]);
		return p;
	}

	static void produce(String file, String topic) throws Exception {
		Map<String, Producer<String, String>> by = new HashMap<>();
		System.out.println("ready none gzip snappy lz4 zstd");
		for (String line; (line = in.readLine()) != null; ) {
			String[] words = line.split(" ");
			if (!by.containsKey(words[0]))
				by.put(words[0], new KafkaProducer<>(conf(file, "compression.type", words[0], "linger.ms", "5",
					"enable.idempotence", "true", "acks", "all", "key.serializer", StringSerializer.class.getName(),
					"value.serializer", StringSerializer.class.getName())));
			List<Future<RecordMetadata>> sent = new ArrayList<>();
			for (int i = Integer.parseInt(words[1]); i < Integer.parseInt(words[2]); i++)
				sent.add(by.get(words[0]).send(new ProducerRecord<>(topic, "k" + i, "v" + i + " " + ".".repeat(200))));
			for (Future<RecordMetadata> f : sent)
				f.get();
			System.out.println("sent");
		}
		for (Producer<String, String> p : by.values())
			p.close();
	}

	static void consume(String file, String topic, String group) throws Exception {
		try (Consumer<String, String> c = new KafkaConsumer<>(conf(file, "group.id", group, "auto.offset.reset", "earliest",
				"session.timeout.ms", "10000", "heartbeat.interval.ms", "300", "auto.commit.interval.ms", "300",
				"key.deserializer", StringDeserializer.class.getName(),
				"value.deserializer", StringDeserializer.class.getName()))) {
			c.subscribe(List.of(topic));
			while (!in.ready()) {
				for (ConsumerRecord<String, String> r : c.poll(Duration.ofMillis(100)))
					System.out.println(r.value().split(" ")[0]);
			}
		}
	}

	public static void main(String[] args) throws Exception {
		if (args[0].equals("produce"))
			produce(args[1], args[2]);
		else
			consume(args[1], args[2], args[3]);
	}
}
