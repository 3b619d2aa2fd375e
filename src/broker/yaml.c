/* SPDX-License-Identifier: Apache-2.0
 *
 * libyaml's events, turned into a tree by recursive descent of bounded depth.
 * Tabs in indentation are looked for first, because the scanner's own message
 * for them helps nobody. */
#include "broker/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"

struct reader {
	yaml_parser_t parser;
	const char *file;
	struct arena *arena;
	struct why *why;
	unsigned nodes, nodes_max;
};

static int
blame_at(const char *file, size_t line, size_t column, struct why *why, const char *fmt, va_list ap)
{
	char text[400];
	vsnprintf(text, sizeof(text), fmt, ap);
	return why_set(why, ERR_INVAL, "%s:%zu:%zu: %s", file, line, column, text);
}

static int __attribute__((format(printf, 3, 4)))
blame(struct reader *rd, const yaml_mark_t *mark, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int err = blame_at(rd->file, mark->line + 1, mark->column + 1, rd->why, fmt, ap);
	va_end(ap);
	return err;
}

int
yaml_blame(const struct yaml_node *node, struct why *why, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int err = blame_at(node->file, node->line, node->column, why, fmt, ap);
	va_end(ap);
	return err;
}

int
yaml_blame_value(const struct yaml_node *node, struct why *why, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int err = blame_at(node->file, node->value_line, node->value_column, why, fmt, ap);
	va_end(ap);
	return err;
}

struct yaml_node *
yaml_get(const struct yaml_node *map, const char *key)
{
	for (struct yaml_node *n = map->child; n != NULL; n = n->next)
		if (str_is(n->key, key))
			return n;
	return NULL;
}

static int
next_event(struct reader *rd, yaml_event_t *ret)
{
	if (yaml_parser_parse(&rd->parser, ret))
		return 0;
	yaml_mark_t mark = rd->parser.problem_mark;
	const char *problem = rd->parser.problem;
	if (rd->parser.error == YAML_READER_ERROR)
		return why_set(rd->why, ERR_INVAL, "%s: not UTF-8 text (byte %zu: %s)", rd->file,
		    rd->parser.problem_offset, problem);
	return blame(rd, &mark, "%s%s%s", problem != NULL ? problem : "no YAML",
	    rd->parser.context != NULL ? ", " : "",
	    rd->parser.context != NULL ? rd->parser.context : "");
}

/* What decorates an event and has no place in a file of settings. */
static int
check_plainness(struct reader *rd, const yaml_event_t *ev)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;
	switch (ev->type) {
	case YAML_ALIAS_EVENT:
		return blame(rd, &ev->start_mark, "aliases (*%s) are not allowed: write the value again",
		    ev->data.alias.anchor);
	case YAML_SCALAR_EVENT:
		anchor = ev->data.scalar.anchor;
		tag = ev->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = ev->data.sequence_start.anchor;
		tag = ev->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = ev->data.mapping_start.anchor;
		tag = ev->data.mapping_start.tag;
		break;
	default:
		break;
	}
	if (anchor != NULL)
		return blame(rd, &ev->start_mark, "anchors (&%s) are not allowed", anchor);
	if (tag != NULL)
		return blame(rd, &ev->start_mark, "tags (%s) are not allowed", tag);
	return 0;
}

static int read_node(struct reader *rd, yaml_event_t *ev, unsigned depth, struct yaml_node *node);

static struct yaml_node *
add_child(struct reader *rd, struct yaml_node ***tail)
{
	struct yaml_node *node = arena_zalloc(rd->arena, sizeof(*node));
	node->file = rd->file;
	**tail = node;
	*tail = &node->next;
	return node;
}

static int
read_list(struct reader *rd, unsigned depth, struct yaml_node *list)
{
	struct yaml_node **tail = &list->child;
	for (;;) {
		yaml_event_t ev;
		int err = next_event(rd, &ev);
		if (err != 0)
			return err;
		bool end = ev.type == YAML_SEQUENCE_END_EVENT;
		if (!end) {
			struct yaml_node *node = add_child(rd, &tail);
			node->line = (unsigned)ev.start_mark.line + 1;
			node->column = (unsigned)ev.start_mark.column + 1;
			err = read_node(rd, &ev, depth + 1, node);
		}
		yaml_event_delete(&ev);
		if (err != 0 || end)
			return err;
	}
}

/* The event is a key: notes it in a new child of the map. */
static int
read_key(struct reader *rd, const yaml_event_t *ev, struct map *seen, struct yaml_node ***tail,
    struct yaml_node **ret)
{
	int err = check_plainness(rd, ev);
	if (err != 0)
		return err;
	if (ev->type != YAML_SCALAR_EVENT)
		return blame(rd, &ev->start_mark, "a key must be one word");
	struct str key = { (const char *)ev->data.scalar.value, ev->data.scalar.length };
	const struct yaml_node *same = map_get(seen, NAME(0, key));
	if (same != NULL)
		return blame(rd, &ev->start_mark, "%.*s stands twice: also in line %u", STR_ARG(key), same->line);
	struct yaml_node *node = add_child(rd, tail);
	node->line = (unsigned)ev->start_mark.line + 1;
	node->column = (unsigned)ev->start_mark.column + 1;
	node->key = arena_str(rd->arena, key);
	(void)map_put(seen, NAME(0, node->key), node);
	*ret = node;
	return 0;
}

static int
read_pairs(struct reader *rd, unsigned depth, struct yaml_node *map, struct map *seen)
{
	struct yaml_node **tail = &map->child;
	for (;;) {
		struct yaml_node *node = NULL;
		yaml_event_t ev;
		int err = next_event(rd, &ev);
		if (err != 0)
			return err;
		bool end = ev.type == YAML_MAPPING_END_EVENT;
		if (!end)
			err = read_key(rd, &ev, seen, &tail, &node);
		yaml_event_delete(&ev);
		if (err != 0 || end)
			return err;
		err = next_event(rd, &ev);
		if (err != 0)
			return err;
		err = read_node(rd, &ev, depth + 1, node);
		yaml_event_delete(&ev);
		if (err != 0)
			return err;
	}
}

static int
read_map(struct reader *rd, unsigned depth, struct yaml_node *map)
{
	struct map *seen = map_create();
	int err = read_pairs(rd, depth, map, seen);
	map_destroy(&seen);
	return err;
}

static int
read_node(struct reader *rd, yaml_event_t *ev, unsigned depth, struct yaml_node *node)
{
	int err = check_plainness(rd, ev);
	if (err != 0)
		return err;
	if (depth > YAML_MAX_DEPTH)
		return blame(rd, &ev->start_mark, "nested deeper than %d", YAML_MAX_DEPTH);
	if (++rd->nodes > rd->nodes_max)
		return blame(rd, &ev->start_mark, "more than %u values", rd->nodes_max);
	node->value_line = (unsigned)ev->start_mark.line + 1;
	node->value_column = (unsigned)ev->start_mark.column + 1;
	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		node->kind = YAML_TEXT;
		node->text = arena_str(rd->arena, (struct str){
		    (const char *)ev->data.scalar.value, ev->data.scalar.length });
		node->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
		return 0;
	case YAML_SEQUENCE_START_EVENT:
		node->kind = YAML_LIST;
		return read_list(rd, depth, node);
	case YAML_MAPPING_START_EVENT:
		node->kind = YAML_MAP;
		return read_map(rd, depth, node);
	default:
		return blame(rd, &ev->start_mark, "a value is missing");
	}
}

/* Eats the events that frame the only document; *ret is the top's first. */
static int
read_frame(struct reader *rd, struct yaml_node *top)
{
	yaml_event_t ev;
	bool document = false;
	for (;;) {
		int err = next_event(rd, &ev);
		if (err != 0)
			return err;
		bool end = ev.type == YAML_STREAM_END_EVENT;
		switch (ev.type) {
		case YAML_STREAM_START_EVENT:
		case YAML_STREAM_END_EVENT:
		case YAML_DOCUMENT_END_EVENT:
			break;
		case YAML_DOCUMENT_START_EVENT:
			if (document)
				err = blame(rd, &ev.start_mark, "a second document (---) is not allowed");
			document = true;
			break;
		case YAML_MAPPING_START_EVENT:
			err = read_node(rd, &ev, 0, top);
			break;
		default:
			err = check_plainness(rd, &ev);
			if (err == 0)
				err = blame(rd, &ev.start_mark, "\"name: value\" lines are expected here");
		}
		yaml_event_delete(&ev);
		if (err != 0 || end)
			return err;
	}
}

/* Indentation by tabs, in lines that are not blank. */
static int
check_tabs(const char *file, struct str text, struct why *why)
{
	struct str line;
	for (size_t number = 1; text.p != NULL; number++) {
		str_cut(&text, '\n', &line);
		size_t indent = 0;
		while (indent < line.n && (line.p[indent] == ' ' || line.p[indent] == '\t'))
			indent++;
		const char *tab = memchr(line.p, '\t', indent);
		bool blank = indent == line.n || line.p[indent] == '#' || line.p[indent] == '\r';
		if (tab != NULL && !blank)
			return why_set(why, ERR_INVAL, "%s:%zu:%zu: a tab: indent with spaces", file,
			    number, (size_t)(tab - line.p) + 1);
	}
	return 0;
}

static int
slurp(const char *file, size_t max, char **ret, size_t *ret_n, struct why *why)
{
	int err = fs_slurp(file, max, ret, ret_n);
	if (err == ERR_LIMIT)
		return why_set(why, err, "%s: larger than %zu bytes", file, max);
	if (err != 0)
		return why_set(why, err, "%s: %s", file, err_text(err));
	return 0;
}

int
yaml_load(const char *file, struct arena *arena, struct yaml_node **ret, struct why *why)
{
	static const struct yaml_limits limits = { YAML_MAX_BYTES, YAML_MAX_NODES };
	return yaml_load_within(file, &limits, arena, ret, why);
}

int
yaml_load_within(const char *file, const struct yaml_limits *limits, struct arena *arena,
    struct yaml_node **ret, struct why *why)
{
	struct reader rd = { .file = arena_str(arena, str_from(file)).p, .arena = arena, .why = why,
		.nodes_max = limits->nodes };
	struct yaml_node *top = arena_zalloc(arena, sizeof(*top));
	char *text;
	size_t n;
	int err = slurp(file, limits->bytes, &text, &n, why);
	if (err != 0)
		return err;
	*top = (struct yaml_node){ .kind = YAML_MAP, .file = rd.file, .line = 1, .column = 1,
	    .value_line = 1, .value_column = 1 };
	err = check_tabs(rd.file, (struct str){ text, n }, why);
	if (err == 0 && yaml_parser_initialize(&rd.parser)) {
		yaml_parser_set_input_string(&rd.parser, (const unsigned char *)text, n);
		err = read_frame(&rd, top);
		yaml_parser_delete(&rd.parser);
	}
	mem_cleanse(text, n);
	mem_free(text);
	if (err == 0)
		*ret = top;
	return err;
}
