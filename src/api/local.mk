noinst_LIBRARIES += libapi.a
libapi_a_SOURCES = \
	src/api/answer.c src/api/answer.h \
	src/api/api.c src/api/api.h src/api/api.def \
	src/api/api_versions.c src/api/api_versions.h \
	src/api/authorize.c src/api/authorize.h \
	src/api/backups.c src/api/backups.h src/api/own_backup.c \
	src/api/batches.c src/api/batches.h src/api/core.h \
	src/api/dispatch.c src/api/dispatch.h src/api/fetch.c \
	src/api/fetch_session.c src/api/fetch_session.h \
	src/api/find_coordinator.c src/api/group_admin.c src/api/group_members.c \
	src/api/group_offsets.c src/api/groups.c src/api/groups.h src/api/groups_impl.h \
	src/api/groups_load.c src/api/groups_wait.c src/api/groups_work.c \
	src/api/list_offsets.c src/api/login.c src/api/login.h \
	src/api/memo.c src/api/memo.h src/api/metadata.c \
	src/api/own.c src/api/own.h src/api/own_tenants.c src/api/own_tree.c src/api/own_users.c src/api/own_why.c \
	src/api/own_connections.c src/api/own_connections.h src/api/own_kill.c src/api/own_rates.c \
	src/api/own_why.h src/api/own_user_keys.c src/api/own_who_can.c src/api/own_what_can.c \
	src/api/produce.c \
	src/api/rehearse.c src/api/rehearse.h src/api/rehearse_compare.c \
	src/api/request.c src/api/request.h \
	src/api/roster.c src/api/roster.h \
	src/api/session.c src/api/session.h src/api/session_told.c src/api/stays.c src/api/stays.h \
	src/api/tally.c src/api/tally.h \
	src/api/topics.c src/api/topics.h \
	src/api/bounds.c src/api/bounds.h src/api/usage.c src/api/usage.h src/api/own_usage.c \
	src/api/told.c src/api/told.h \
	src/api/changes.c src/api/changes.h src/api/create_partitions.c \
	src/api/create_topics.c src/api/delete_records.c src/api/delete_topics.c \
	src/api/init_producer_id.c src/api/offset_for_leader_epoch.c \
	src/api/acls.c src/api/acls.h src/api/client_quotas.c src/api/delete_acls.c \
	src/api/scram_credentials.c src/api/alter_configs.c src/api/configs.c src/api/configs.h \
	src/api/describe_configs.c src/api/describe_log_dirs.c \
	src/api/describe_topic_partitions.c \
	src/api/elections.c src/api/list_config_resources.c \
	src/api/tokens.c src/api/tokens.h src/api/token_ends.c \
	src/api/audit_head.c src/api/auditing.c src/api/auditing.h \
	src/api/topic_recover.c src/api/topic_settings.c src/api/topic_settings.h
EXTRA_DIST += src/api/README.md
