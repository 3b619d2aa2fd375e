/* SPDX-License-Identifier: Apache-2.0 */
/* JoinGroup, SyncGroup, Heartbeat, LeaveGroup: translated for the coordinator. */
#include "api/authorize.h"
#include "api/bounds.h"
#include "api/groups.h"
#include "api/session.h"
#include "base/mem.h"

static void
join_failed(struct request *rq)
{
	((struct join_group_rsp *)rq->out)->error_code = KERR_NOT_COORDINATOR;
}

/* Nothing but the code: what others said of themselves may be in the answer already. */
static void
join_denied(struct request *rq, enum kerr err)
{
	const struct join_group_req *in = rq->in;
	struct join_group_rsp *out = rq->out;
	wire_defaults(rq->header.api->rsp, out);
	out->error_code = (int16_t)err;
	out->generation_id = -1;
	out->member_id = in->member_id;
}

static void
run_join(struct request *rq)
{
	const struct join_group_req *in = rq->in;
	char text[ADDR_TEXT];
	struct group_join j = { .member_id = in->member_id, .instance_id = in->group_instance_id,
		.client_id = rq->header.client_id, .protocol_type = in->protocol_type,
		.session_ms = in->session_timeout_ms, .rebalance_ms = in->rebalance_timeout_ms,
		.needs_member_id = request_flag(rq, FLAG_join_group_needs_member_id),
		.can_skip_assignment = request_flag(rq, FLAG_join_group_skip_assignment) };
	j.client_host = arena_printf(rq->arena, "/%s", addr_format(conn_peer(rq->session->conn), text));
	if (request_flag(rq, FLAG_join_group_no_rebalance_timeout))
		j.rebalance_ms = -1;
	ARRAY_FOREACH(const struct join_group_req_protocol, p, in->protocols)
		*ARRAY_ADD(rq->arena, j.protocols) = (struct group_protocol){ p->name, p->metadata };
	coord_join(rq->core->coord, in->group_id, &j, groups_maker(rq), groups_time(rq), rq->state);
}

enum api_turn
api_join_group(struct request *rq, const void *vin, void *vout)
{
	const struct join_group_req *in = vin;
	enum kerr err = may_member(rq, in->group_id);
	(void)vout;
	if (err == KERR_NONE && !bounds_allow_group(rq, in->group_id))
		err = KERR_GROUP_MAX_SIZE_REACHED; /* as where the memory of groups is used up */
	if (err == KERR_NONE)
		return groups_park(rq, in->group_id, run_join, join_failed, join_denied);
	join_denied(rq, err);
	return API_ANSWER;
}

static void
sync_failed(struct request *rq)
{
	struct sync_group_rsp *out = rq->out;
	out->error_code = KERR_NOT_COORDINATOR;
	out->assignment = (struct bytes){ (const uint8_t *)"", 0 };
}

static void
sync_denied(struct request *rq, enum kerr err)
{
	wire_defaults(rq->header.api->rsp, rq->out);
	((struct sync_group_rsp *)rq->out)->error_code = (int16_t)err;
}

static void
run_sync(struct request *rq)
{
	const struct sync_group_req *in = rq->in;
	struct group_sync s = { .member_id = in->member_id, .instance_id = in->group_instance_id,
		.protocol_type = in->protocol_type, .protocol = in->protocol_name,
		.generation = in->generation_id };
	ARRAY_FOREACH(const struct sync_group_req_assignment, a, in->assignments)
		*ARRAY_ADD(rq->arena, s.assignments) = (struct group_assignment){ a->member_id, a->assignment };
	coord_sync(rq->core->coord, in->group_id, &s, groups_time(rq), rq->state);
}

enum api_turn
api_sync_group(struct request *rq, const void *vin, void *vout)
{
	const struct sync_group_req *in = vin;
	enum kerr err = may_member(rq, in->group_id);
	(void)vout;
	if (err == KERR_NONE)
		return groups_park(rq, in->group_id, run_sync, sync_failed, sync_denied);
	sync_denied(rq, err);
	return API_ANSWER;
}

enum api_turn
api_heartbeat(struct request *rq, const void *vin, void *vout)
{
	const struct heartbeat_req *in = vin;
	struct heartbeat_rsp *out = vout;
	struct group_caller c = { in->member_id, in->group_instance_id, in->generation_id };
	enum kerr err = may_member(rq, in->group_id);
	if (err == KERR_NONE)
		err = coord_heartbeat(rq->core->coord, in->group_id, &c, groups_time(rq));
	if (err == KERR_NONE && rq->session->members == NULL) /* one that joined by another connection */
		session_speaks_for(rq->session, in->group_id.s, in->member_id);
	out->error_code = (int16_t)err;
	return API_ANSWER;
}

static void
leave_failed(struct request *rq)
{
	((struct leave_group_rsp *)rq->out)->error_code = KERR_NOT_COORDINATOR;
}

enum api_turn
api_leave_group(struct request *rq, const void *vin, void *vout)
{
	const struct leave_group_req *in = vin;
	struct leave_group_rsp *out = vout;
	struct coord_time t = groups_time(rq);
	int64_t barrier = -1, one;
	enum kerr err = may_member(rq, in->group_id);
	if (err == KERR_NONE && !request_flag(rq, FLAG_leave_group_many_members))
		err = coord_leave(rq->core->coord, in->group_id, in->member_id, STR_NULL, t, &barrier);
	out->error_code = (int16_t)err;
	if (err != KERR_NONE || !request_flag(rq, FLAG_leave_group_many_members))
		return groups_answer(rq, in->group_id, barrier, leave_failed);
	ARRAY_FOREACH(const struct leave_group_req_member, m, in->members) {
		struct leave_group_rsp_member *o = WIRE_ADD(rq->arena, out->members, leave_group_rsp_member);
		o->member_id = m->member_id;
		o->group_instance_id = m->group_instance_id;
		o->error_code = (int16_t)coord_leave(rq->core->coord, in->group_id, m->member_id,
		    m->group_instance_id, t, &one);
		barrier = one > barrier ? one : barrier;
	}
	return groups_answer(rq, in->group_id, barrier, leave_failed);
}
