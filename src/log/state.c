/* SPDX-License-Identifier: Apache-2.0 */
/* The states of a partition as one table: moves, and what each state allows. */
#include "log/state.h"

#include "base/err.h"

#define TO(state) (1u << LOG_##state)

static const struct {
	const char *name;
	unsigned to;			/* legal next states */
	int append, append_internal;	/* 0 or the error */
	bool reads;
} states[LOG_STATES] = {
	[LOG_ONLINE] = { "online",
	    TO(FULL) | TO(OFFLINE) | TO(CORRUPT) | TO(DELETED), 0, 0, true },
	[LOG_FULL] = { "full",
	    TO(ONLINE) | TO(OFFLINE) | TO(CORRUPT) | TO(DELETED), ERR_NOSPACE, 0, true },
	[LOG_OFFLINE] = { "offline",		/* ONLINE: by partition_recover() */
	    TO(ONLINE) | TO(CORRUPT) | TO(DELETED), ERR_IO, ERR_IO, true },
	[LOG_CORRUPT] = { "corrupt",
	    TO(ONLINE) | TO(OFFLINE) | TO(DELETED), ERR_CORRUPT, ERR_CORRUPT, true },
	[LOG_DELETED] = { "deleted", 0, ERR_CLOSED, ERR_CLOSED, false },
};

const char *
log_state_name(enum log_state state)
{
	return states[state].name;
}

bool
log_state_may(enum log_state from, enum log_state to)
{
	return (states[from].to >> to & 1u) != 0;
}

int
log_state_append(enum log_state state, bool internal)
{
	return internal ? states[state].append_internal : states[state].append;
}

bool
log_state_reads(enum log_state state)
{
	return states[state].reads;
}
