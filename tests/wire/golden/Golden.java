// SPDX-License-Identifier: Apache-2.0
// Prints golden bytes: for each API and version one request and one response
// with values that are no defaults, written through the schemas of Apache's
// kafka-clients and then read and written again by its message classes, so that
// both of their encoders agree. README.md says how to run it.
import java.nio.ByteBuffer;
import java.util.*;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.*;
import org.apache.kafka.common.protocol.types.*;
import org.apache.kafka.common.record.internal.*;

public class Golden {
	final Random random = new Random(20261123);
	int serial;

	String text() {
		// Plain, beyond ASCII, and long enough for a varint of two bytes.
		serial++;
		return switch (serial % 7) {
			case 3 -> "schloß-" + serial + "-鍵";
			case 5 -> "long-" + serial + "-" + "x".repeat(140);
			default -> "text-" + serial;
		};
	}

	byte[] blob() {
		byte[] b = new byte[1 + random.nextInt(24)];
		random.nextBytes(b);
		return b;
	}

	Object scalar(String type) {
		return switch (type) {
			case "BOOLEAN" -> true;
			case "INT8" -> (byte) (1 + random.nextInt(100));
			case "INT16" -> (short) (random.nextInt(30000) - 15000);
			case "UINT16" -> 1 + random.nextInt(65535);
			case "INT32" -> random.nextInt();
			case "UINT32" -> 1L + random.nextInt(1000);
			case "INT64" -> random.nextLong();
			case "FLOAT64" -> random.nextInt(1000) / 8.0;
			case "UUID" -> new Uuid(random.nextLong(), random.nextLong());
			case "STRING", "NULLABLE_STRING", "COMPACT_STRING", "COMPACT_NULLABLE_STRING" -> text();
			case "BYTES", "NULLABLE_BYTES", "COMPACT_BYTES", "COMPACT_NULLABLE_BYTES" -> ByteBuffer.wrap(blob());
			case "RECORDS", "NULLABLE_RECORDS", "COMPACT_RECORDS", "COMPACT_NULLABLE_RECORDS" -> MemoryRecords.readableRecords(ByteBuffer.wrap(blob()));
			default -> throw new IllegalStateException(type);
		};
	}

	Object value(Type type) {
		if (type instanceof Schema s)
			return struct(s);
		if (type instanceof TaggedFields t) {
			NavigableMap<Integer, Object> map = new TreeMap<>();
			t.fields().forEach((tag, field) -> map.put(tag, value(field.type)));
			return map;
		}
		if (type.arrayElementType().isPresent()) {
			Object[] list = new Object[1 + random.nextInt(2)];
			for (int i = 0; i < list.length; i++)
				list[i] = value(type.arrayElementType().get());
			return list;
		}
		return scalar(((Type.DocumentedType) type).typeName());
	}

	Struct struct(Schema schema) {
		Struct s = new Struct(schema);
		for (BoundField f : schema.fields())
			s.set(f, value(f.def.type));
		return s;
	}

	void line(ApiMessageType api, String direction, short version, Schema schema, ApiMessage message) {
		Struct s = struct(schema);
		ByteBuffer buffer = ByteBuffer.allocate(s.sizeOf());
		s.writeTo(buffer);
		buffer.flip();
		byte[] bytes = Arrays.copyOf(buffer.array(), buffer.limit());
		message.read(new ByteBufferAccessor(ByteBuffer.wrap(bytes)), version);
		ObjectSerializationCache cache = new ObjectSerializationCache();
		int size = message.size(cache, version);
		ByteBuffer again = ByteBuffer.allocate(size);
		message.write(new ByteBufferAccessor(again), cache, version);
		if (!Arrays.equals(bytes, again.array()))
			throw new IllegalStateException(api + " " + version + " " + direction);
		System.out.println(api.name + " " + version + " " + direction + " " + HexFormat.of().formatHex(bytes));
	}

	public static void main(String[] args) {
		Golden g = new Golden();
		// API:MIN-MAX ...
		for (String arg : args) {
			String[] part = arg.split("[:-]");
			ApiMessageType api = ApiMessageType.fromApiKey(Short.parseShort(part[0]));
			for (short v = Short.parseShort(part[1]); v <= Short.parseShort(part[2]); v++) {
				System.out.println(api.name + " " + v + " header " + api.requestHeaderVersion(v)
				    + " " + api.responseHeaderVersion(v));
				g.line(api, "request", v, api.requestSchemas()[v], api.newRequest());
				g.line(api, "response", v, api.responseSchemas()[v], api.newResponse());
			}
		}
	}
}
