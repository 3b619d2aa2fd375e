/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "broker/conf.h"
#include "broker/yaml.h"
#include "security/binds.h"
#include "security/oauth.h"

/* The rules across options: what no row of the table can say alone. */

/* Fills what the listener leaves open and checks it, also against those before
 * it. node: its entry, for the place in messages. */
int rules_listener(struct conf *conf, struct conf_listener *l, const struct yaml_node *node,
    struct why *why);
/* Whether only one of them can be: of one name, or at one port and address ("*" is each). Both filled. */
bool rules_same_place(const struct conf_listener *a, const struct conf_listener *b);
/* Rules between the options of the whole broker; fills what is parsed of them. */
int rules_check(struct conf *conf, struct why *why);

/* What a listener, filled, asks of tokens; views of it and of conf. Its sources are NULL. */
void rules_oauth(const struct conf *conf, const struct conf_listener *l, struct oauth_setup *ret);

/* The same for what it binds to tenants. */
void rules_binds(const struct conf_listener *l, struct binds_setup *ret);

/* "HOST:PORT", "[ADDRESS]:PORT"; the port 1 to 65535. "*", 0.0.0.0 and ::
 * become "*". The host lives in the arena. */
int rules_hostport(struct str s, struct arena *arena, struct conf_hostport *ret, struct why *why);
/* The same as it is written; in the arena. */
struct str rules_hostport_text(const struct conf_hostport *hp, struct arena *arena);

/* Addresses and CIDR blocks; they live in the arena. */
int rules_blocks(const struct option_list *list, struct arena *arena, struct cidr_list *ret, struct why *why);
