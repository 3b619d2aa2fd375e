/* SPDX-License-Identifier: Apache-2.0 */
/* What a session keeps for people to see: nothing is decided by it. */
#include <string.h>

#include "api/session.h"
#include "base/mem.h"

#define SOFTWARE_MAX	64u	/* bytes of the name, and of the version */
#define MEMBER_MAX	1024u	/* bytes of both names; longer ones are not kept */
#define MEMBERS_MAX	8	/* of groups; the one that was longest silent is forgotten */

void
session_names_client(struct session *s, struct str name, struct str version)
{
	size_t a = name.n < SOFTWARE_MAX ? name.n : SOFTWARE_MAX, b = version.n < SOFTWARE_MAX ? version.n : SOFTWARE_MAX;
	if (s->software != NULL && str_is(name, s->software) && str_is(version, s->software + a + 1))
		return;
	mem_free(s->software);
	s->software = mem_zalloc(a + b + 2);
	memcpy(s->software, name.p, a);
	memcpy(s->software + a + 1, version.p, b);
}

static struct session_member *
make_member(struct str group, struct str member_id)
{
	struct session_member *m = mem_alloc(sizeof(*m) + group.n + member_id.n);
	memcpy(m->bytes, group.p, group.n);
	memcpy(m->bytes + group.n, member_id.p, member_id.n);
	m->group = (struct str){ m->bytes, group.n };
	m->member_id = (struct str){ m->bytes + group.n, member_id.n };
	return m;
}

/* Out of the list: the one of the group, or the last where there are as many as there may be. */
static struct session_member *
take_out(struct session *s, struct str group)
{
	int n = 0;
	for (struct session_member **at = &s->members; *at != NULL; at = &(*at)->next) {
		struct session_member *m = *at;
		if (str_eq(m->group, group) || ++n == MEMBERS_MAX) {
			*at = m->next;
			return m;
		}
	}
	return NULL;
}

void
session_speaks_for(struct session *s, struct str group, struct str member_id)
{
	struct session_member *m = s->members;
	if (m != NULL && str_eq(m->group, group) && str_eq(m->member_id, member_id))
		return;
	if (group.n + member_id.n > MEMBER_MAX)
		return;
	m = take_out(s, group);
	if (m == NULL || !str_eq(m->group, group) || !str_eq(m->member_id, member_id)) {
		mem_free(m);
		m = make_member(group, member_id);
	}
	m->next = s->members;
	s->members = m;
}

void
session_forget(struct session *s)
{
	for (struct session_member *m = s->members, *next; m != NULL; m = next) {
		next = m->next;
		mem_free(m);
	}
	s->members = NULL;
	mem_free(s->software);
	s->software = NULL;
}
