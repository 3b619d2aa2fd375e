noinst_LIBRARIES += libwire.a
libwire_a_SOURCES = src/wire/types.h \
	src/wire/codec.c src/wire/codec.h src/wire/table.h \
	src/wire/decode.c src/wire/encode.c src/wire/dump.c \
	src/wire/header.c src/wire/header.h \
	src/wire/kerr.c src/wire/kerr.h src/wire/kerr.def \
	src/wire/batch_build.c src/wire/batch_build.h \
	src/wire/batch.c src/wire/batch.h src/wire/batch_faults.def src/wire/batch_impl.h \
	src/wire/compress.c src/wire/compress.h src/wire/snappy.c src/wire/snappy.h \
	src/wire/reader.c src/wire/reader.h \
	src/wire/writer.c src/wire/writer.h \
	src/wire/msg.c src/wire/msg.h
EXTRA_DIST += src/wire/README.md src/wire/schema/README.md src/wire/wiregen.py $(wire_schema)

# The structs and tables of msg.[ch] are made from the schema in the build tree
# and ship in the tarball, where nothing is newer and no Python is needed.
wire_schema = \
	src/wire/schema/alter_client_quotas.api \
	src/wire/schema/alter_configs.api \
	src/wire/schema/alter_user_scram_credentials.api \
	src/wire/schema/api_versions.api \
	src/wire/schema/audit_head.api \
	src/wire/schema/backup_begin.api \
	src/wire/schema/backup_end.api \
	src/wire/schema/rehearse.api \
	src/wire/schema/backup_read.api \
	src/wire/schema/connection_kill.api \
	src/wire/schema/connection_list.api \
	src/wire/schema/create_acls.api \
	src/wire/schema/create_delegation_token.api \
	src/wire/schema/create_partitions.api \
	src/wire/schema/create_topics.api \
	src/wire/schema/delete_acls.api \
	src/wire/schema/delete_groups.api \
	src/wire/schema/delete_records.api \
	src/wire/schema/delete_topics.api \
	src/wire/schema/describe_acls.api \
	src/wire/schema/describe_client_quotas.api \
	src/wire/schema/describe_cluster.api \
	src/wire/schema/describe_configs.api \
	src/wire/schema/describe_delegation_token.api \
	src/wire/schema/elect_leaders.api \
	src/wire/schema/expire_delegation_token.api \
	src/wire/schema/describe_groups.api \
	src/wire/schema/describe_log_dirs.api \
	src/wire/schema/describe_topic_partitions.api \
	src/wire/schema/describe_user_scram_credentials.api \
	src/wire/schema/fetch.api \
	src/wire/schema/find_coordinator.api \
	src/wire/schema/topic_recover.api \
	src/wire/schema/user_keys.api \
	src/wire/schema/what_can.api \
	src/wire/schema/who_can.api \
	src/wire/schema/enter.api \
	src/wire/schema/group_create.api \
	src/wire/schema/heartbeat.api \
	src/wire/schema/id.api \
	src/wire/schema/incremental_alter_configs.api \
	src/wire/schema/init_producer_id.api \
	src/wire/schema/join_group.api \
	src/wire/schema/leave_group.api \
	src/wire/schema/list_config_resources.api \
	src/wire/schema/list_groups.api \
	src/wire/schema/list_offsets.api \
	src/wire/schema/list_partition_reassignments.api \
	src/wire/schema/metadata.api \
	src/wire/schema/names.api \
	src/wire/schema/offset_commit.api \
	src/wire/schema/offset_delete.api \
	src/wire/schema/offset_fetch.api \
	src/wire/schema/offset_for_leader_epoch.api \
	src/wire/schema/produce.api \
	src/wire/schema/rate_list.api \
	src/wire/schema/renew_delegation_token.api \
	src/wire/schema/sasl_authenticate.api \
	src/wire/schema/sasl_handshake.api \
	src/wire/schema/sync_group.api \
	src/wire/schema/team_alter.api \
	src/wire/schema/team_list.api \
	src/wire/schema/tenant_alter.api \
	src/wire/schema/tenant_list.api \
	src/wire/schema/tenant_usage.api \
	src/wire/schema/tree_list.api \
	src/wire/schema/tree_set.api \
	src/wire/schema/user_alter.api \
	src/wire/schema/user_list.api \
	src/wire/schema/why.api
BUILT_SOURCES += src/wire/msg.h
MAINTAINERCLEANFILES += src/wire/msg.c src/wire/msg.h
src/wire/msg.c: src/wire/wiregen.py $(wire_schema)
	$(AM_V_GEN)$(MKDIR_P) src/wire && $(PYTHON3) $(srcdir)/src/wire/wiregen.py -o src/wire \
		$(wire_schema:%=$(srcdir)/%)
src/wire/msg.h: src/wire/msg.c
	@test -f $@ || test -f $(srcdir)/$@ || { rm -f src/wire/msg.c; $(MAKE) $(AM_MAKEFLAGS) src/wire/msg.c; }
